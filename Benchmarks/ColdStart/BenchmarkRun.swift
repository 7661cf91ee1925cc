import BenchmarkSupport

/// One run: the parts in their order, on servers that are started for it.
struct BenchmarkRun {
    let bed: TestBed
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
                let model = ControllerConfig.Model(name: subject.name, path: subject.folder.path, rest: .warm)
                let controller = try start("memory-\(subject.name)", [model], &report)
                report.memory[subject.name] = try MemoryPart(subject: subject, controller: controller).run()
                try controller.end()
            }
        }
        if parts.contains(.drift) { try measureDrift(&report) }
        if parts.contains(.eight) {
            report.eight = try EightPart(
                start: bed.begin, folder: smollm2.folder, plan: report.plan
            ).run(&generator)
        }
    }

    private mutating func measureRelay(_ report: inout Report) throws {
        let simulated = try bed.startSimulated("simulated") { folder in
            [.init(name: "simulated", path: folder, arguments: [], rest: .cold)]
        }
        report.simulatedRelay = try RelayPart(controller: simulated, model: "simulated", plan: report.plan)
            .run(&generator)
        try simulated.end()
        let model = ControllerConfig.Model(name: "relayed", path: smollm2.folder.path, rest: .warm)
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
        result.starts = try StartsPart(bed: bed, subject: subject, controller: controller, plan: report.plan)
            .run(&generator)
        result.refill = try RefillPart(controller: controller, model: controller.model(.warm), plan: report.plan).run()
        var sides = try SideBySide(bed: bed, subject: subject, controller: controller, tiers: subject.tiers)
        if subject.answers > 0 { result.answers = try AnswersPart(sides: sides).run() }
        try sides.unloadCold()
        var steady = SteadyPart(sides: sides, plan: report.plan)
        result.steady = try steady.run(&generator)
        try steady.sides.stock.end()
        try controller.end()
    }

    private func measureDrift(_ report: inout Report) throws {
        let before = Leftovers.sharedMemoryNames()
        let models = DriftPart.tiers.map {
            ControllerConfig.Model(name: $0.rawValue, path: smollm2.folder.path, rest: $0)
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
        let controller = try bed.start(name, models)
        if report.versions.isEmpty { report.versions = try bed.versions(of: controller) }
        return controller
    }
}
