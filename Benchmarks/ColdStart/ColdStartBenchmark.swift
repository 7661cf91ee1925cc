import ArgumentParser
import BenchmarkSupport
import Foundation

@main
struct ColdStartBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cold-start-benchmark",
        abstract:
            "Times starts, relaying and decoding against a stock vLLM server, and prints what docs/benchmarks.md explains.",
        discussion:
            "Exit status: 0 if everything was reached, 1 if something was missed or failed. --quick judges nothing.")

    @OptionGroup var common: CommonOptions
    @Option(help: "What to measure, with commas between.")
    var parts = NameList<Part>()
    @Option(help: "Counted stock starts of each model (\(Plan.full.stockStarts)), after one that is discarded.")
    var stockStarts: Int?
    @Option(help: "Counted starts of each kind (\(Plan.full.cycles)), after one that is discarded.")
    var cycles: Int?
    @Option(help: "Refills of the pool (\(Plan.full.refills)).")
    var refills: Int?
    @Option(help: "Blocks of the steady state (\(Plan.full.blocks)).")
    var blocks: Int?
    @Option(help: "The most blocks while the interval is too wide (\(Plan.full.maxBlocks)).")
    var maxBlocks: Int?
    @Option(help: "Pairs of a request through the gateway and one past it (\(Plan.full.pairs)).")
    var pairs: Int?
    @Option(help: "Cycles in which drift is looked for (\(Plan.full.driftCycles)).")
    var driftCycles: Int?

    private var plan: Plan {
        let base = common.quick ? Plan.quick : .full
        let blocks = blocks ?? base.blocks
        return Plan(
            stockStarts: stockStarts ?? base.stockStarts, cycles: cycles ?? base.cycles,
            refills: refills ?? base.refills, blocks: blocks, maxBlocks: maxBlocks ?? max(base.maxBlocks, blocks),
            pairs: pairs ?? base.pairs, driftCycles: driftCycles ?? base.driftCycles)
    }

    func validate() throws {
        try CommonOptions.check(counts: [stockStarts, cycles, refills, blocks, maxBlocks, pairs, driftCycles])
        guard plan.blocks >= 2 else { throw ValidationError("There is no interval of fewer than two blocks.") }
        guard plan.driftCycles >= Drift.fewestSamples else {
            throw ValidationError("There is no trend of fewer than \(Drift.fewestSamples) cycles.")
        }
    }

    func run() throws {
        let session = try BenchmarkSession(common)
        let plan = plan
        let smollm2 = Subject.smollm2(try common.smallFolder, isQuick: common.quick, plan)
        let isLargeNeeded = !Set(parts.names).isDisjoint(with: [.large, .memory])
        let large = Subject.large(try common.largeFolder(isNeeded: isLargeNeeded), plan)
        let report = Report(
            command: CommandLine.arguments, date: Date(), seed: session.seed, isQuick: common.quick, plan: plan,
            parts: parts.names, machine: .current())
        try session.run(report) { bed, report in
            var run = BenchmarkRun(
                bed: bed, smollm2: smollm2, large: large, generator: SeededGenerator(seed: session.seed))
            try run.measure(&report)
        }
    }
}
