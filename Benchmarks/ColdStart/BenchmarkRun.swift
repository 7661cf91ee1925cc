import Foundation

/// One run: the parts in their order, on servers that are started for it.
struct BenchmarkRun {
    struct Programs {
        let controller: String
        let simulatedRuntime: String
        let python: String
        let model: String
    }

    let workspace: Workspace
    let programs: Programs
    var generator: SeededGenerator

    /// Fills in the report as results come, so that what is measured is not lost when a later part fails.
    mutating func measure(_ report: inout Report) throws {
        let parts = Set(report.parts)
        if parts.contains(.relay) {
            report.simulatedRelay = try measureSimulatedRelay(report.plan)
        }
        let controller = try startController()
        report.versions = try versions(of: controller)
        let memory = MemoryPart(controller: controller)
        if parts.contains(.memory) {
            var result = MemoryPart.Result()
            try memory.look(&result)
            report.memory = result
        }
        if parts.contains(.cold) {
            report.cold = try ColdPart(
                workspace: workspace, python: programs.python, model: programs.model, controller: controller,
                plan: report.plan
            ).run(&generator)
            report.refill = try RefillPart(controller: controller, plan: report.plan).run(&generator)
        }
        if parts.contains(.relay) {
            report.relay = try RelayPart(controller: controller, model: Self.models[0], plan: report.plan).run(
                &generator)
        }
        if parts.contains(.steady) {
            report.steady = try SteadyPart(
                workspace: workspace, python: programs.python, modelPath: programs.model, controller: controller,
                model: Self.models[0], plan: report.plan
            ).run(&generator)
        }
        if var result = report.memory {
            // Once more: by now the processes are children of a zygote that has forked many times.
            try memory.look(&result)
            report.memory = result
        }
        try controller.end()
    }

    /// Two models of the same weights, each in files of its own.
    private static let models = ["first", "second"]

    private func startController() throws -> RunningController {
        Progress.say("starting the controller with vLLM")
        let copy = try workspace.copy(programs.model, as: "copied-model")
        return try RunningController(
            workspace, name: "vllm", program: programs.controller, runtime: ("python", programs.python),
            models: zip(Self.models, [programs.model, copy]).map {
                ControllerConfig.Model(name: $0, path: $1, arguments: FairSettings.arguments)
            })
    }

    private mutating func measureSimulatedRelay(_ plan: Plan) throws -> RelayPart.Result {
        Progress.say("starting the controller with the simulated runtime")
        let controller = try RunningController(
            workspace, name: "simulated", program: programs.controller, runtime: ("program", programs.simulatedRuntime),
            models: [.init(name: "simulated", path: try makeEmptyModel(), arguments: [])])
        let result = try RelayPart(controller: controller, model: "simulated", plan: plan).run(&generator)
        try controller.end()
        return result
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
