import Testing

@testable import ControllerConfiguration

/// The example and the documentation are what people copy from.
@Suite("Documentation")
struct DocumentationTests {
    @Test func theExampleWorks() throws {
        let configuration = try Configuration.load(path: root + "/worker-controller.yaml")
        #expect(configuration.runtimes.map(\.name) == ["vllm"])
        #expect(configuration.runtimes.first?.environment == ["HF_HUB_OFFLINE": "1"])
        let model = try #require(configuration.models.first)
        #expect(configuration.models.count == 1)
        #expect(model.name == "smollm2")
        #expect(model.aliases == ["default"])
        #expect(
            model.arguments == [
                "max-model-len": .integer(2_048), "max-num-seqs": .integer(16),
                "kv-cache-memory-bytes": .integer(256 << 20), "enforce-eager": .bool(true),
            ])
        // Without the weights beside the file the path would be taken for a hub id.
        #expect(model.path.hasSuffix("models/SmolLM2-135M-Instruct"))
    }

    @Test func theDocumentedExamplesWork() throws {
        let blocks = try contents(of: "docs/configuration.md").components(between: "```yaml\n", and: "```")
        #expect(blocks.count == 4)
        for block in blocks {
            #expect(mistakes(block) == [])
        }
    }

    @Test func everyKeyIsDocumented() throws {
        let documentation = try contents(of: "docs/configuration.md")
        let keys: [String] =
            Configuration.Key.allCases.map(\.rawValue) + Limits.Key.allCases.map(\.rawValue)
            + RuntimeConfiguration.Key.allCases.map(\.rawValue) + DeviceConfiguration.Key.allCases.map(\.rawValue)
            + PoolConfiguration.Key.allCases.map(\.rawValue) + SchedulingConfiguration.Key.allCases.map(\.rawValue)
            + LogConfiguration.Key.allCases.map(\.rawValue) + ModelConfiguration.Key.allCases.map(\.rawValue)
        for key in keys {
            #expect(documentation.contains("`\(key)`"), "\(key) is not in docs/configuration.md")
        }
    }

    /// The settings as they were designed.
    private let designed = """
        listen: 127.0.0.1:8000
        run_directory: run
        api_keys: []
        limits: {queue: 512, queue_bytes: 256MiB, body: 64MiB}
        runtimes:
          vllm:
            python: .venv/bin/python
            environment: {HF_HUB_OFFLINE: "1"}
        devices: auto
        pool: {idle_workers: 1}
        scheduling: {queue_timeout: 120s, minimum_residency: 10s}
        allow_trust_remote_code: false
        orphan_timeout: 300s
        logs: {bytes_per_process: 16MiB}
        tls: {certificate: null, key: null}
        cors: {origins: []}
        models:
          smollm2:
            path: models/SmolLM2-135M-Instruct
            runtime: vllm
            aliases: [default]
            environment: {}
            arguments: {max-model-len: 2048, max-num-seqs: 16, kv-cache-memory-bytes: 256MiB, enforce-eager: true}
            tensor_parallel_size: 1
            executor: auto
            concurrency: 256
            replicas: 1
            pin: false
            priority: 0
            idle_timeout: 10m
            template: true
            verify: times
            preload: false
            start_timeout: 300s
        """

    @Test func everyDesignedSettingIsTaken() throws {
        let short = """
            runtimes: {vllm: {python: .venv/bin/python, environment: {HF_HUB_OFFLINE: "1"}}}
            models:
              smollm2:
                path: models/SmolLM2-135M-Instruct
                aliases: [default]
                arguments: {max-model-len: 2048, max-num-seqs: 16, kv-cache-memory-bytes: 256MiB, enforce-eager: true}
            """
        #expect(try parse(designed) == (try parse(short)), "what the design gives as an example is the default")
    }
}

extension String {
    fileprivate func components(between start: String, and end: String) -> [String] {
        split(separator: start).dropFirst().compactMap { $0.split(separator: end).first.map(String.init) }
    }
}
