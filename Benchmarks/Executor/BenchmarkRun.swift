import BenchmarkSupport

/// One run: the parts in their order, on servers that are started for it.
struct BenchmarkRun {
    let bed: TestBed
    let folders: ModelFolders
    /// Whose decoding is compared.
    let sides: [ExecutorSide]
    var generator: SeededGenerator

    /// Fills in the report as results come, so that what is measured is not lost when a later part fails.
    mutating func measure(_ report: inout Report) throws {
        for part in report.parts {
            switch part {
            case .decode: report.decode = try decode(&report)
            case .sizes: report.sizes = try sizes(&report)
            case .starts:
                let controller = try start("starts", StartsPart.models(folders), &report)
                report.starts = try StartsPart(controller: controller, folders: folders, plan: report.plan)
                    .run(&generator)
                try controller.end()
            case .leases:
                let controller = try bed.startSimulated("leases", LeasesPart.models)
                report.leases = try LeasesPart(bed: bed, controller: controller, plan: report.plan).run()
                try controller.end()
            case .parking:
                let controller = try start("parking", ParkingPart.models(folders.small), &report)
                report.parking = try ParkingPart(controller: controller, folder: folders.small, plan: report.plan).run()
                try controller.end()
            case .isolation:
                let controller = try bed.startSimulated("isolation", IsolationPart.models)
                report.isolation = try IsolationPart(bed: bed, controller: controller, plan: report.plan).run()
                try controller.end()
            case .cycles:
                let before = Leftovers.sharedMemoryNames()
                let controller = try start(
                    "cycles", CyclesPart.models(folders.small.path, folders.divisible.path), &report)
                try cycles(report.plan.cycles, controller, before, into: &report.cycles)
            case .simulatedCycles:
                let before = Leftovers.sharedMemoryNames()
                let controller = try bed.startSimulated("simulated-cycles") {
                    CyclesPart.models($0, $0, arguments: FairSettings.simulated())
                }
                try cycles(report.plan.simulatedCycles, controller, before, into: &report.simulatedCycles)
            }
        }
    }

    private mutating func decode(_ report: inout Report) throws -> DecodeResult<ExecutorSide> {
        let tokens = 128
        let servers = try ExecutorServers(sides, bed: bed, folder: folders.small, tokens: tokens) {
            try start($0, $1, &report)
        }
        let result = try DecodePart(
            opponents: servers.opponents, tokens: tokens, questions: 5, blocks: report.plan.blocks,
            maxBlocks: report.plan.maxBlocks, isSettled: \.isSettled
        ).run(&generator)
        try servers.end()
        return result
    }

    /// Told, and not judged: how much a second worker helps depends on the machine's memory.
    private mutating func sizes(_ report: inout Report) throws -> DecodeResult<GroupSide> {
        let models = GroupSide.allCases.map { side in
            ControllerConfig.Model(
                name: side.model, path: folders.large.path, rest: .cold, executor: .remote(size: side.workers),
                environment: ExecutorServers.environment(threads: side.threads))
        }
        try folders.large.readFiles()
        let controller = try start("sizes", models, &report)
        for model in models { try controller.loadToMeasure(model) }
        let opponents = try GroupSide.allCases.map { side in
            DecodePart<GroupSide>.Opponent(
                side: side, model: side.model, endpoint: controller.endpoint,
                processes: try controller.processes(of: side.model))
        }
        let blocks = report.plan.blocks
        let result = try DecodePart(
            opponents: opponents, tokens: 32, questions: 5, blocks: blocks, maxBlocks: blocks, isSettled: { _ in true }
        ).run(&generator)
        try controller.end()
        return result
    }

    private mutating func cycles(
        _ count: Int, _ controller: RunningController, _ before: Set<String>, into result: inout CyclesPart.Result?
    ) throws {
        result = try CyclesPart(controller: controller, sharedMemoryBefore: before, cycles: count).run(&generator)
        try controller.end()
        result?.leftovers = Leftovers(runDirectory: controller.runDirectory, sharedMemoryBefore: before)
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
