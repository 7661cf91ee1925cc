import ArgumentParser
import BenchmarkSupport
import Foundation

@main
struct ExecutorBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "executor-benchmark",
        abstract:
            "Compares leased workers with vLLM's own executors, and prints what docs/benchmarks.md explains.",
        discussion:
            "Exit status: 0 if everything was reached, 1 if something was missed or failed. --quick judges nothing.")

    @OptionGroup var common: CommonOptions
    @Option(help: "The folder of a model of random weights that two workers can share.")
    var divisibleModel = "models/random-600mb"
    @Option(help: "What to measure, with commas between.")
    var parts = NameList<Part>()
    @Option(help: "Whose decoding is compared, with commas between.")
    var sides = NameList<ExecutorSide>()
    @Option(help: "Blocks of decoding (\(Plan.full.blocks)).")
    var blocks: Int?
    @Option(help: "The most blocks while the interval is too wide (\(Plan.full.maxBlocks)).")
    var maxBlocks: Int?
    @Option(help: "Counted starts of each kind (\(Plan.full.starts)), after one that is discarded.")
    var starts: Int?
    @Option(help: "Leases that are timed (\(Plan.full.leases)).")
    var leases: Int?
    @Option(help: "Counted times that each model is parked (\(Plan.full.parks)), after one that is discarded.")
    var parks: Int?
    @Option(help: "Times alone and beside others (\(Plan.full.isolationRounds)).")
    var isolationRounds: Int?
    @Option(help: "Cycles in which a leak is looked for (\(Plan.full.cycles)).")
    var cycles: Int?
    @Option(help: "The same with the simulated runtime (\(Plan.full.simulatedCycles)).")
    var simulatedCycles: Int?

    private var plan: Plan {
        let base = common.quick ? Plan.quick : .full
        let blocks = blocks ?? base.blocks
        return Plan(
            blocks: blocks, maxBlocks: maxBlocks ?? max(base.maxBlocks, blocks), starts: starts ?? base.starts,
            leases: leases ?? base.leases, parks: parks ?? base.parks,
            isolationRounds: isolationRounds ?? base.isolationRounds, isolationSeconds: base.isolationSeconds,
            cycles: cycles ?? base.cycles, simulatedCycles: simulatedCycles ?? base.simulatedCycles)
    }

    func validate() throws {
        try CommonOptions.check(counts: [
            blocks, maxBlocks, starts, leases, parks, isolationRounds, cycles, simulatedCycles,
        ])
        let plan = plan
        guard min(plan.cycles, plan.simulatedCycles) >= Drift.fewestSamples else {
            throw ValidationError("There is no trend of fewer than \(Drift.fewestSamples) cycles.")
        }
    }

    func run() throws {
        let session = try BenchmarkSession(common)
        let needsDivisible = parts.names.contains { [.starts, .cycles].contains($0) }
        let folders = ModelFolders(
            small: try common.smallFolder,
            divisible: try common.randomFolder(divisibleModel, gigabytes: "0.6", isNeeded: needsDivisible),
            large: try common.largeFolder(isNeeded: parts.names.contains(.sizes)))
        let report = Report(
            command: CommandLine.arguments, date: Date(), seed: session.seed, isQuick: common.quick, plan: plan,
            parts: parts.names, machine: .current())
        try session.run(report) { bed, report in
            var run = BenchmarkRun(
                bed: bed, folders: folders, sides: sides.names,
                generator: SeededGenerator(seed: session.seed))
            try run.measure(&report)
        }
    }
}
