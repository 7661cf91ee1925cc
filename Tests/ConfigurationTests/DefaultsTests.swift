import ControllerConfiguration
import Testing

@Suite("Defaults")
struct DefaultsTests {
    @Test func aModelWithAPathAloneWorks() throws {
        let configuration = try parse("models: {a: {path: ./a}}")
        #expect(configuration.file == file)
        #expect(configuration.listen == ListenAddress(host: "127.0.0.1", port: 8000))
        #expect(configuration.runDirectory == "/nowhere/run")
        #expect(configuration.limits.queue == 512)
        #expect(configuration.limits.queueBytes == 268_435_456)
        #expect(configuration.limits.body == 67_108_864)
        #expect(configuration.runtimes.map(\.name) == ["vllm"])
        #expect(
            configuration.runtimes.first?.command
                == ["/nowhere/.venv/bin/python", "-m", "worker_controller_vllm.zygote"])
        #expect(configuration.devices == .auto)
        #expect(configuration.pool.idleWorkers == 1)
        #expect(configuration.scheduling.queueTimeout == .seconds(120))
        #expect(configuration.scheduling.minimumResidency == .seconds(10))
        #expect(!configuration.allowTrustRemoteCode)
        #expect(configuration.orphanTimeout == .seconds(300))
        #expect(configuration.logs.bytesPerProcess == 16_777_216)

        let model = try #require(configuration.models.first)
        #expect(configuration.models.count == 1)
        #expect(model.name == "a")
        #expect(model.path == "/nowhere/a")
        #expect(!model.isHubID)
        #expect(model.runtime == "vllm")
        #expect(model.aliases.isEmpty)
        #expect(model.environment.isEmpty)
        #expect(model.arguments.isEmpty)
        #expect(model.kvCacheBytes == nil)
        #expect(model.concurrency == 256)
        #expect(model.replicas == 1)
        #expect(!model.pin)
        #expect(model.priority == 0)
        #expect(model.idleTimeout == .seconds(600))
        #expect(!model.preload)
        #expect(model.startTimeout == .seconds(300))
        #expect(model.template)
        #expect(!model.verifiesContents)
        #expect(model.tensorParallelSize == 1)
        #expect(model.executor == .auto)
    }

    @Test(arguments: ["", "# nothing\n", "models:\n", "models: {}\nlimits:\nruntimes: {}\n"])
    func whatIsEmptyMeansTheDefaults(text: String) throws {
        let configuration = try parse(text)
        #expect(configuration.models.isEmpty)
        #expect(configuration == (try parse("{}")))
    }

    @Test func aKeyWithoutAValueMeansItsDefault() throws {
        let settings = "concurrency: null, aliases: ~, runtime: , idle_timeout: null, template: null, verify: null"
        let text = "listen:\nmodels: {a: {path: ./a, \(settings)}}"
        #expect(try parse(text) == (try parse("models: {a: {path: ./a}}")))
    }

    @Test func everythingThatCanBeSetIsRead() throws {
        let configuration = try parse(
            """
            listen: "[::1]:0"
            run_directory: /tmp/wc
            limits: {queue: 7, queue_bytes: 4GB, body: 500kB}
            pool: {idle_workers: 0}
            scheduling: {queue_timeout: 1h, minimum_residency: 0s}
            allow_trust_remote_code: true
            orphan_timeout: 500ms
            logs: {bytes_per_process: 4096}
            models:
              b:
                path: ./b
                runtime: vllm
                aliases: [default, team/b:1]
                environment: {A: "1"}
                concurrency: 3
                replicas: 4
                pin: true
                start_timeout: 10m
                executor: in-process
                idle_timeout: off
                template: false
                verify: contents
              a: {path: org/name}
            """)
        #expect(configuration.listen == ListenAddress(host: "::1", port: 0))
        #expect(configuration.runDirectory == "/tmp/wc")
        #expect(configuration.limits.queue == 7)
        #expect(configuration.limits.queueBytes == 4_000_000_000)
        #expect(configuration.limits.body == 500_000)
        #expect(configuration.pool.idleWorkers == 0)
        #expect(configuration.scheduling.queueTimeout == .seconds(3_600))
        #expect(configuration.scheduling.minimumResidency == .zero)
        #expect(configuration.allowTrustRemoteCode)
        #expect(configuration.orphanTimeout == .milliseconds(500))
        #expect(configuration.logs.bytesPerProcess == 4_096)
        #expect(configuration.models.map(\.name) == ["a", "b"], "sorted by name")
        let model = try #require(configuration.models.last)
        #expect(model.aliases == ["default", "team/b:1"])
        #expect(model.environment == ["A": "1"])
        #expect(model.concurrency == 3)
        #expect(model.replicas == 4)
        #expect(model.pin)
        #expect(model.startTimeout == .seconds(600))
        #expect(model.executor == .inProcess)
        #expect(model.idleTimeout == nil)
        #expect(!model.template)
        #expect(model.verifiesContents)
    }
}
