import ArgumentParser
import Foundation

@main
struct ColdStartBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cold-start-benchmark",
        abstract:
            "Times starts, relaying and decoding against a stock vLLM server, and prints what docs/benchmarks.md explains.",
        discussion:
            "Exit status: 0 if everything was reached, 1 if something was missed or failed. --quick judges nothing.")

    @Option(help: "The controller.")
    var controller = ".build/release/worker-controller"
    @Option(help: "The simulated runtime.")
    var simulatedRuntime = ".build/release/simulated-runtime"
    @Option(help: "The Python whose environment has vLLM and worker_controller_vllm.")
    var python = ".venv/bin/python"
    @Option(help: "The folder of the small model.")
    var model = "models/SmolLM2-135M-Instruct"
    @Option(help: "The folder of the large model, of random weights.")
    var largeModel = "models/random-3gb"
    @Option(help: "The folder for the JSON file.")
    var output = "Benchmarks/results"
    @Option(help: "What to measure, with commas between.")
    var parts = PartList(parts: Part.allCases)
    @Flag(help: "A few samples of everything, to see that it works.")
    var quick = false
    @Option(help: "Orders of starts, pairs and prompts; a random one without it.")
    var seed: UInt64?
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
        let base = quick ? Plan.quick : .full
        let blocks = blocks ?? base.blocks
        return Plan(
            stockStarts: stockStarts ?? base.stockStarts, cycles: cycles ?? base.cycles,
            refills: refills ?? base.refills, blocks: blocks, maxBlocks: maxBlocks ?? max(base.maxBlocks, blocks),
            pairs: pairs ?? base.pairs, driftCycles: driftCycles ?? base.driftCycles)
    }

    func validate() throws {
        let counts = [stockStarts, cycles, refills, blocks, maxBlocks, pairs, driftCycles].compactMap(\.self)
        guard counts.allSatisfy({ (1...100_000).contains($0) }) else {
            throw ValidationError("Every count is from 1 to 100000.")
        }
        guard plan.blocks >= 2 else { throw ValidationError("There is no interval of fewer than two blocks.") }
        guard plan.driftCycles >= 2 * Trend.fewestSamples else {
            throw ValidationError("There is no trend of fewer than \(2 * Trend.fewestSamples) cycles.")
        }
    }

    func run() throws {
        let programs = BenchmarkRun.Programs(
            controller: try absolute(controller), simulatedRuntime: try absolute(simulatedRuntime),
            python: try absolute(python))
        let plan = plan
        let smollm2 = Subject.smollm2(try absolute(model), isQuick: quick, plan)
        let large = Subject.large(try largeFolder(), plan)
        let watch = Interruption.watch()
        defer { withExtendedLifetime(watch) {} }
        let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        Progress.say("seed \(seed)")
        var report = Report(
            command: CommandLine.arguments, date: Date(), seed: seed, isQuick: quick, plan: plan, parts: parts.parts,
            machine: .current())
        let workspace = try Workspace()
        do {
            var run = BenchmarkRun(
                workspace: workspace, programs: programs, smollm2: smollm2, large: large,
                generator: SeededGenerator(seed: seed))
            try run.measure(&report)
        } catch {
            report.failure = "\(error)"
        }
        report.leftovers = workspace.endAll().count
        let path = try report.write(to: output)
        print(report.tables)
        print("\nEvery sample: \(path)")
        fflush(nil)
        if let failure = report.failure {
            Progress.say("\(failure)\nThe logs are in \(workspace.folder).")
            throw ExitCode.failure
        }
        workspace.remove()
        guard quick || report.bars.allSatisfy(\.isMet) else { throw ExitCode.failure }
    }

    private func absolute(_ path: String) throws -> String {
        let absolute = URL(fileURLWithPath: path).path
        guard FileManager.default.fileExists(atPath: absolute) else {
            throw BenchmarkError("There is no \(absolute). `make setup build` makes what the benchmark needs.")
        }
        return absolute
    }

    /// It has to be there only where it is measured.
    private func largeFolder() throws -> String {
        let folder = URL(fileURLWithPath: largeModel).path
        let isNeeded = !Set(parts.parts).isDisjoint(with: [.large, .memory])
        guard !isNeeded || FileManager.default.fileExists(atPath: folder + "/config.json") else {
            throw BenchmarkError(
                "There is no model \(folder). Make it once: \(python) -m worker_controller_vllm.random_model "
                    + "\(largeModel) --gigabytes 3 --tokenizer \(model)")
        }
        return folder
    }
}
