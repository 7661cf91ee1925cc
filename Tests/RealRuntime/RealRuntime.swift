import Foundation
import TestSupport
import Testing

/// The controller with real vLLM on the CPU, and the demo model. One after the other: each wants all cores.
///
/// A zygote takes from 10 s to a minute, so each test does much with one.
@Suite(.serialized, .enabled(if: RealSetup.isThere, "run `make setup` first"))
enum RealRuntime {}

/// What `make setup` makes.
enum RealSetup {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    static let python = root + "/.venv/bin/python"
    static let model = root + "/models/SmolLM2-135M-Instruct"

    static var isThere: Bool {
        [python, model].allSatisfy { FileManager.default.fileExists(atPath: $0) }
    }

    /// The same for ours and for a stock server.
    static let arguments = ["max-model-len": "2048", "max-num-seqs": "16", "kv-cache-memory-bytes": "268435456"]

    /// The demo model under each of the names.
    static func controller(_ names: String...) -> ControllerSetup {
        controller(names.map { demo($0) })
    }

    /// The demo model.
    static func demo(_ name: String, settings: [String: String] = [:]) -> TestModel {
        TestModel(
            name, files: .link(to: model), settings: ["aliases": "[\(name)-alias]"].merging(settings) { $1 },
            arguments: arguments.merging(["enforce-eager": "true"]) { $1 })
    }

    static func controller(_ models: [TestModel]) -> ControllerSetup {
        ControllerSetup(
            models, settings: ["devices": "auto"], environment: ["HF_HUB_OFFLINE": "1"],
            runtime: ("vllm", "python: \(python)"))
    }

    /// Makes a small model of random weights, whose heads two workers can share.
    static func makeDivisibleModel(in folder: String) async throws {
        let tests = root + "/Runtimes/vllm/tests"
        let script = """
            import sys, pathlib
            sys.path.insert(0, sys.argv[1])
            import tiny_model
            tiny_model.make(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
            """
        let maker = try ChildProcess([python, "-c", script, tests, folder, model])
        guard try await maker.waitForEnd(atMost: .seconds(300)) == .status(0) else {
            throw TestFailure("no model: \(maker.errorText)")
        }
    }

    /// What is where vLLM's own files would be if they were not kept in our folder.
    static func foreignLeftovers() -> Set<String> {
        Set(
            ["/tmp", "/dev/shm"].flatMap { folder in
                ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
                    .filter { $0.hasPrefix("vllm") || $0.hasPrefix("psm_") || $0.hasPrefix("torch") }
                    .map { "\(folder)/\($0)" }
            })
    }
}

extension RunningController {
    /// Imports take long on a busy machine.
    func waitUntilWarm() async throws {
        try await eventually("the pool is full", within: .seconds(300)) {
            try await workers().contains { $0.state == "idle" }
        }
    }
}
