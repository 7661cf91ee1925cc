import Testing

@testable import BenchmarkSupport

@Suite struct ConfigTests {
    private enum Fruit: String, CaseIterable { case apple, pear, plum }

    @Test func namesAreListedWithCommas() {
        #expect(NameList<Fruit>(argument: "plum,apple")?.names == [.apple, .plum])
        #expect(NameList<Fruit>(argument: "plum,aple") == nil)
        #expect(NameList<Fruit>(argument: "") == nil)
        #expect(NameList<Fruit>().defaultValueDescription == "apple,pear,plum")
    }

    @Test func configTextQuotesPaths() {
        let text = ControllerConfig(
            port: 8123, runDirectory: #"/tmp/a "b"\c"#, runtime: ("program", "/bin/simulated"),
            models: [
                .init(name: "m", path: "/models/m", rest: .asleep),
                .init(name: "n", path: "/models/n", arguments: [], rest: .cold),
            ]
        ).text
        #expect(
            text == #"""
                listen: 127.0.0.1:8123
                run_directory: "/tmp/a \"b\"\\c"
                orphan_timeout: 30s
                pool: {idle_workers: 1}
                runtimes:
                  benchmarked:
                    program: "/bin/simulated"
                    environment: {HF_HUB_OFFLINE: "1", VLLM_NO_USAGE_STATS: "1"}
                models:
                  m:
                    path: "/models/m"
                    arguments: {enforce-eager: true, max-model-len: 2048, max-num-seqs: 16, kv-cache-memory-bytes: 268435456}
                    template: true
                    idle_timeout: off
                  n:
                    path: "/models/n"
                    arguments: {}
                    template: false
                    idle_timeout: off

                """#)
    }

    @Test func executorsAreNamed() {
        let config = ControllerConfig(
            port: 8123, runDirectory: "/tmp/r", runtime: ("python", "/bin/python"),
            models: [
                .init(name: "a", path: "/a", arguments: [], rest: .cold, executor: .inProcess),
                .init(
                    name: "b", path: "/b", arguments: [], rest: .warm, executor: .remote(size: 2),
                    environment: ["Y": "2", "X": #"a "1""#]),
            ])
        #expect(config.models.map(\.workers) == [0, 2])
        #expect(config.text.contains("pool: {idle_workers: 2}"))
        #expect(
            config.text.hasSuffix(
                #"""
                  a:
                    path: "/a"
                    arguments: {}
                    template: false
                    idle_timeout: off
                    executor: in-process
                  b:
                    path: "/b"
                    arguments: {}
                    template: true
                    idle_timeout: off
                    executor: remote
                    tensor_parallel_size: 2
                    environment: {X: "a \"1\"", Y: "2"}

                """#))
    }
}
