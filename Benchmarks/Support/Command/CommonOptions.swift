import ArgumentParser
import Foundation

/// What every benchmark can be told.
package struct CommonOptions: ParsableArguments {
    @Option(help: "The controller.")
    package var controller = ".build/release/worker-controller"
    @Option(help: "The simulated runtime.")
    package var simulatedRuntime = ".build/release/simulated-runtime"
    @Option(help: "The Python whose environment has vLLM and worker_controller_vllm.")
    package var python = ".venv/bin/python"
    @Option(help: "The folder of the small model.")
    package var model = "models/SmolLM2-135M-Instruct"
    @Option(help: "The folder of the large model, of random weights.")
    package var largeModel = "models/random-3gb"
    @Option(help: "The folder for the JSON file.")
    package var output = "Benchmarks/results"
    @Flag(help: "A few samples of everything, to see that it works.")
    package var quick = false
    @Option(help: "Orders of all that is shuffled, and prompts; a random one without it.")
    package var seed: UInt64?

    package init() {}

    package var programs: TestBed.Programs {
        get throws {
            TestBed.Programs(
                controller: try Self.existing(controller), simulatedRuntime: try Self.existing(simulatedRuntime),
                python: try Self.existing(python))
        }
    }

    package var smallFolder: ModelFolder { get throws { ModelFolder(path: try Self.existing(model)) } }

    /// - Parameter isNeeded: whether anything is measured with it; otherwise it need not be there.
    package func largeFolder(isNeeded: Bool) throws -> ModelFolder {
        try randomFolder(largeModel, gigabytes: "3", isNeeded: isNeeded)
    }

    /// One of random weights, with the small model's tokenizer.
    package func randomFolder(_ path: String, gigabytes: String, isNeeded: Bool) throws -> ModelFolder {
        let folder = URL(fileURLWithPath: path).path
        guard !isNeeded || FileManager.default.fileExists(atPath: folder + "/config.json") else {
            throw BenchmarkError(
                "There is no model \(folder). Make it once: \(python) -m worker_controller_vllm.random_model "
                    + "\(path) --gigabytes \(gigabytes) --tokenizer \(model)")
        }
        return ModelFolder(path: folder)
    }

    /// - Throws: if a count makes no sense.
    package static func check(counts: [Int?]) throws {
        guard counts.compactMap(\.self).allSatisfy({ (1...100_000).contains($0) }) else {
            throw ValidationError("Every count is from 1 to 100000.")
        }
    }

    private static func existing(_ path: String) throws -> String {
        let absolute = URL(fileURLWithPath: path).path
        guard FileManager.default.fileExists(atPath: absolute) else {
            throw BenchmarkError("There is no \(absolute). `make setup build` makes what the benchmark needs.")
        }
        return absolute
    }
}
