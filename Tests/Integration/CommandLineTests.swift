import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite struct CommandLineClient {
        @Test func asksAndLists() async throws {
            let alpha = TestModel("alpha", settings: ["aliases": "[default]"], arguments: TestModel.coreFirst)
            try await withController(.init([alpha, TestModel("beta")], templates: false)) { controller in
                let empty = try await controller.command("ps")
                #expect(empty.status == 0)
                #expect(empty.output.hasPrefix("no engines"))

                let answer = try await controller.command(
                    "run", "default", "hello there", "--max-tokens", "4", "--timings")
                #expect(answer.status == 0)
                #expect(answer.output == "alpha: hello there hello\n")
                #expect(answer.errors.contains("tier cold"))
                #expect(answer.errors.contains("kv_cache"))

                let engines = try await controller.command("ps")
                #expect(engines.output.split(separator: "\n").count == 2)
                #expect(engines.output.contains("e-1  alpha  ready  cpu:0"))

                let models = try await controller.command("models")
                #expect(models.output.split(separator: "\n").dropFirst().map { $0.prefix(5) } == ["alpha", "beta "])

                let workers = try await controller.command("workers")
                #expect(workers.output.contains("leased"))
            }
        }

        @Test func loadsUnloadsAndShowsLogs() async throws {
            let model = TestModel("alpha", arguments: ["sim-log-bytes": "300"])
            try await withController(.init([model], templates: false)) { controller in
                let load = try await controller.command("load", "alpha")
                #expect(load.status == 0)
                #expect(load.output.hasPrefix("alpha: ready as e-1 on cpu:0, started in "))

                for name in ["alpha", "e-1"] {
                    let log = try await controller.command("logs", name)
                    #expect(log.status == 0)
                    #expect(log.output.contains("loading weights ..."))
                }
                #expect(
                    try await controller.command("logs", "alpha", "-n", "1").output.split(separator: "\n").count == 1)

                let unload = try await controller.command("unload", "alpha")
                #expect(unload.status == 0)
                #expect(unload.output.hasPrefix("alpha: ended e-1, "))
                #expect(try await controller.command("unload", "alpha").output == "alpha: was not loaded\n")
                // The log of an engine that is gone is what one looks for.
                #expect(try await controller.command("logs", "alpha").output.contains("loading weights ..."))
            }
        }

        @Test func putsToSleepWakesAndTellsWhatAStartTook() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                try await controller.awaitTemplate(of: "beta")
                let early = try await controller.command("wake", "beta")
                #expect(early.status == 4)
                #expect(early.errors.contains("not asleep but warm"))

                let sleep = try await controller.command("sleep", "alpha")
                #expect(sleep.status == 0)
                #expect(sleep.output.hasPrefix("alpha: asleep"))
                #expect(try await controller.command("models").output.contains("ready, weights"))
                let wake = try await controller.command("wake", "alpha")
                #expect(wake.status == 0)
                #expect(wake.output.hasPrefix("alpha: ready as e-1 on cpu:0, started in "))
                #expect(wake.output.hasSuffix("from asleep\n"))

                let lines = try await controller.command("ps", "--timings").output.split(separator: "\n")
                #expect(lines.contains { $0.contains("alpha") && $0.contains("asleep") })
                for stage in ["attach", "load", "kv_cache", "warm_up", "listen"] {
                    #expect(lines.contains { $0.split(separator: " ").contains(Substring(stage)) }, "\(lines)")
                }
                let workers = try await controller.command("workers").output.split(separator: "\n")
                #expect(workers.count { $0.contains(" template ") } == 2)
                #expect(try await controller.command("sleep", "none").status == 4)
                #expect(try await controller.command("sleep", "alpha", "--json").output.contains(#""tier":"asleep""#))
            }
        }

        @Test func printsJSON() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                #expect(try await controller.command("load", "alpha", "--json").output.contains(#""id":"e-1""#))
                for (command, key) in [("ps", "engines"), ("models", "models"), ("workers", "workers")] {
                    let result = try await controller.command(command, "--json")
                    #expect(result.status == 0)
                    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
                    #expect((object?[key] as? [Any])?.isEmpty == false)
                }
                #expect(
                    try await controller.command("unload", "alpha", "--json").output.contains(#""engines":["e-1"]"#))
            }
        }

        @Test func exitCodes() async throws {
            let models = [TestModel("alpha"), TestModel("broken", arguments: ["sim-fail-at": "load"])]
            try await withController(.init(models)) { controller in
                let unknown = try await controller.command("run", "alpah", "hello")
                #expect(unknown.status == 4)
                #expect(unknown.errors.contains("'alpha'"))
                #expect(try await controller.command("load", "none").status == 4)
                #expect(try await controller.command("logs", "none").status == 4)

                let failed = try await controller.command("load", "broken")
                #expect(failed.status == 1)
                #expect(failed.errors.contains("sim-fail-at: load"))

                #expect(try await controller.command("load").status == 64)
                try await controller.stop()
                let unreachable = try await controller.command("ps")
                #expect(unreachable.status == 3)
                #expect(unreachable.errors.contains(controller.address))
            }
        }

        @Test func checksConfigs() async throws {
            try await withControllerFolder(.init([TestModel("alpha")])) { folder in
                let good = try await CommandResult.of(["config", "check", folder.config])
                #expect(good.status == 0)
                #expect(good.output.contains("ok, 1 model, 1 runtime"))

                try folder.write(.init([TestModel("alpha", settings: ["concurency": "3"])]))
                let bad = try await CommandResult.of(["config", "check", folder.config])
                #expect(bad.status == 5)
                let line = try #require(
                    try String(contentsOfFile: folder.config, encoding: .utf8).split(separator: "\n")
                        .firstIndex { $0.contains("concurency") })
                #expect(bad.errors.hasPrefix("\(folder.config):\(line + 1): "))
                #expect(bad.errors.contains("concurrency"))
            }
        }
    }
}
