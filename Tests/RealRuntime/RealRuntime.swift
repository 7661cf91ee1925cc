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
        let arguments = arguments.merging(["enforce-eager": "true"]) { $1 }
        let models = names.map {
            TestModel($0, files: .link(to: model), settings: ["aliases": "[\($0)-alias]"], arguments: arguments)
        }
        return ControllerSetup(
            models, settings: ["devices": "auto"], environment: ["HF_HUB_OFFLINE": "1"],
            runtime: ("vllm", "python: \(python)"))
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
