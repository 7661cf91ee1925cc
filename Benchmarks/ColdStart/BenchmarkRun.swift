import Foundation

/// One run: the parts in their order, on servers that are started for it.
struct BenchmarkRun {
    struct Programs {
        let controller: String
        let simulatedRuntime: String
        let python: String
    }

    let workspace: Workspace
    let programs: Programs
    let smollm2: Subject
    let large: Subject
    var generator: SeededGenerator

    /// Fills in the report as results come, so that what is measured is not lost when a later part fails.
    mutating func measure(_ report: inout Report) throws {
        let parts = Set(report.parts)
        if parts.contains(.relay) { try measureRelay(&report) }
        if parts.contains(.smollm2) { try measure(smollm2, into: \.smollm2, &report) }
        if parts.contains(.large) { try measure(large, into: \.large, &report) }
        if parts.contains(.memory) {
            for subject in [smollm2, large] {
                let model = ControllerConfig.Model(name: subject.name, path: subject.folder, rest: .warm)
                let controller = try start("memory-\(subject.name)", [model], &report)
                report.memory[subject.name] = try MemoryPart(subject: subject, controller: controller).run()
                try controller.end()
            }
        }
        if parts.contains(.drift) { try measureDrift(&report) }
        if parts.contains(.eight) {
            let start = { [self] name, models in try makeController(name, models) }
            report.eight = try EightPart(start: start, folder: smollm2.folder, plan: report.plan).run(&generator)
        }
    }

    private mutating func measureRelay(_ report: inout Report) throws {
        Progress.say("starting the controller with the simulated runtime")
        let simulated = try RunningController(
            workspace, name: "simulated", program: programs.controller, runtime: ("program", programs.simulatedRuntime),
            models: [.init(name: "simulated", path: try makeEmptyModel(), arguments: [], rest: .cold)])
        try simulated.waitUntilReady(for: .seconds(60))
        report.simulatedRelay = try RelayPart(controller: simulated, model: "simulated", plan: report.plan)
            .run(&generator)
        try simulated.end()
        let model = ControllerConfig.Model(name: "relayed", path: smollm2.folder, rest: .warm)
        let controller = try start("relay", [model], &report)
        report.relay = try RelayPart(controller: controller, model: model.name, plan: report.plan).run(&generator)
        try controller.end()
    }

    private mutating func measure(
        _ subject: Subject, into path: WritableKeyPath<Report, SubjectResult?>, _ report: inout Report
    ) throws {
        let controller = try start(subject.name, subject.models, &report)
        var result = SubjectResult()
        // Whatever comes of the rest.
        defer { report[keyPath: path] = result }
        result.starts = try StartsPart(
            workspace: workspace, python: programs.python, subject: subject, controller: controller, plan: report.plan
        ).run(&generator)
        result.refill = try RefillPart(controller: controller, model: controller.model(.warm), plan: report.plan).run()
        var sides = try SideBySide(
            workspace: workspace, python: programs.python, subject: subject, controller: controller)
        if subject.answers > 0 { result.answers = try AnswersPart(sides: sides).run() }
        try sides.unloadCold()
        result.steady = try SteadyPart(sides: sides, plan: report.plan).run(&generator)
        try sides.stock.end()
        try controller.end()
    }

    private func measureDrift(_ report: inout Report) throws {
        let before = Leftovers.sharedMemoryNames()
        let models = DriftPart.tiers.map {
            ControllerConfig.Model(name: $0.rawValue, path: smollm2.folder, rest: $0)
        }
        let controller = try start("drift", models, &report)
        report.drift = try DriftPart(controller: controller, plan: report.plan).run()
        try controller.end()
        report.drift?.leftovers = Leftovers(runDirectory: controller.runDirectory, sharedMemoryBefore: before)
    }

    /// Starts a controller with vLLM and waits until it is ready.
    private func start(
        _ name: String, _ models: [ControllerConfig.Model], _ report: inout Report
    ) throws -> RunningController {
        let controller = try makeController(name, models)
        try controller.waitUntilReady(for: .seconds(300))
        if report.versions.isEmpty { report.versions = try versions(of: controller) }
        return controller
    }

    private func makeController(_ name: String, _ models: [ControllerConfig.Model]) throws -> RunningController {
        Progress.say("starting the controller '\(name)'")
        return try RunningController(
            workspace, name: name, program: programs.controller, runtime: ("python", programs.python), models: models)
    }

    /// A model folder that passes the controller's look at it: the simulated runtime reads nothing of it.
    private func makeEmptyModel() throws -> String {
        let folder = workspace.folder + "/empty-model"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/config.json"))
        try Data([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8)).write(
            to: URL(fileURLWithPath: folder + "/model.safetensors"))
        return folder
    }

    private func versions(of controller: RunningController) throws -> [String: String] {
        var versions = try controller.management.runtimes().first?.versions ?? [:]
        let questions = [
            "commit": ["/usr/bin/env", "git", "describe", "--always", "--dirty", "--abbrev=12"],
            "torch": [programs.python, "-c", "import importlib.metadata as m; print(m.version('torch'))"],
        ]
        for (name, command) in questions {
            guard let answer = ChildProcess.output(of: command, in: workspace.folder) else { continue }
            versions[name] = answer.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return versions
    }
}
