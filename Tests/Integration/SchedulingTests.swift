import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite struct Scheduling {
        /// Two that never fit together: neither by the estimate before a model ever ran (512 MiB and more), nor by what they
        /// turn out to own.
        static let rivals = ["alpha", "beta"].map { TestModel($0, arguments: ["sim-memory-bytes": "\(400 << 20)"]) }
        static let smallDevice = [
            "devices": #"[{id: "cpu:0", memory: 640MiB}]"#, "scheduling": "{minimum_residency: 0s, queue_timeout: 60s}",
        ]

        @Test func anIdleModelMakesRoom() async throws {
            try await withController(.init(Self.rivals, templates: false, settings: Self.smallDevice)) { controller in
                _ = try await controller.ask("alpha").succeeded()
                let alpha = try await controller.engine(of: "alpha")
                let reply = try await controller.ask("beta").succeeded()
                #expect(reply[header: "x-start-tier"] == "cold")
                #expect(try await controller.engines().map(\.model) == ["beta"])
                #expect(alpha.pids.allSatisfy { !ProcessTable.isAlive($0) })
                _ = try await controller.ask("alpha").succeeded()
                #expect(try await controller.engines().map(\.model) == ["alpha"])

                // The memory was seen free before it was given away.
                let lines = controller.process.errorText.split(separator: "\n")
                let gone = try #require(
                    lines.firstIndex { $0.contains("process gone") && $0.contains("(pid \(alpha.pids[0]))") })
                let next = try #require(
                    lines.firstIndex { $0.contains("engine starting") && $0.contains("model=beta") })
                #expect(gone < next)
            }
        }

        @Test func aBusyModelIsNoVictim() async throws {
            var models = Self.rivals
            models[0].arguments["sim-tokens-per-second"] = "20"
            try await withController(.init(models, templates: false, settings: Self.smallDevice)) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 31)
                #expect(try await stream.nextToken() == "alpha:")
                let waiting = Task { try await controller.ask("beta") }
                try await eventually("beta waits") {
                    try await controller.engines().map(\.state) == ["ready", "placing"]
                }
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 30) + [.done])
                _ = try await waiting.value.succeeded()
                #expect(try await controller.engines().map(\.model) == ["beta"])
            }
        }

        @Test func aYoungModelIsNoVictim() async throws {
            var settings = Self.smallDevice
            settings["scheduling"] = "{minimum_residency: 1500ms}"
            try await withController(.init(Self.rivals, templates: false, settings: settings)) { controller in
                let before = ContinuousClock.now
                _ = try await controller.load("alpha")
                _ = try await controller.ask("beta").succeeded()
                // Both starts take a tenth of that.
                #expect(ContinuousClock.now - before > .milliseconds(1500))
            }
        }

        @Test func aPinnedModelStays() async throws {
            var models = Self.rivals
            models[0].settings["pin"] = "true"
            try await withController(.init(models, templates: false, settings: Self.smallDevice)) { controller in
                _ = try await controller.load("alpha")
                let reply = try await controller.ask("beta")
                #expect(reply.status == 503)
                #expect(try reply.error().message.contains("pinned models hold"))
                #expect(try await controller.model("alpha").tier == "hot")
            }
        }

        @Test func whatNeverFitsIsRefusedWithTheSum() async throws {
            let models = [TestModel("alpha"), TestModel("huge", arguments: ["kv-cache-memory-bytes": "300MiB"])]
            try await withController(.init(models, templates: false, settings: Self.smallDevice)) { controller in
                _ = try await controller.load("alpha")
                let reply = try await controller.ask("huge")
                #expect(reply.status == 503)
                let error = try reply.error()
                #expect(error.code == "out_of_memory")
                #expect(error.message.contains("cpu:0 has 640 MiB"))
                // 512 MiB, the KV cache, and not quite a KiB of weights.
                #expect(error.message.contains("813 MiB are needed (KV cache 300 MiB)"))
                // Nobody was evicted for nothing.
                #expect(try await controller.model("alpha").tier == "hot")
            }
        }

        @Test func theQueueHasALimit() async throws {
            let model = TestModel("alpha", arguments: ["sim-load-ms": "1000"])
            try await withController(.init([model], settings: ["limits": "{queue: 2}"])) { controller in
                // So that it is known how long a start takes.
                _ = try await controller.load("alpha")
                _ = try await controller.unload("alpha")
                let waiting = (0..<2).map { _ in Task { try await controller.ask("alpha") } }
                try await eventually("both wait") { try await controller.model("alpha").waiting == 2 }
                let refused = try await controller.ask("alpha")
                #expect(refused.status == 429)
                #expect(try refused.error().code == "queue_full")
                #expect(refused[header: "retry-after"].flatMap { Int($0) }.map { (1...60).contains($0) } == true)
                for task in waiting { _ = try await task.value.succeeded() }
            }
        }

        @Test func aRequestWaitsOnlySoLong() async throws {
            let model = TestModel("alpha", arguments: ["sim-load-ms": "2000"])
            try await withController(.init([model], settings: ["scheduling": "{queue_timeout: 300ms}"])) { controller in
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 504)
                #expect(try reply.error().code == "deadline_passed")
                try await eventually("the start goes on") { try await controller.model("alpha").tier == "hot" }
            }
        }

        @Test func anEngineHasAtMostSoManyRequestsAtOnce() async throws {
            let model = TestModel(
                "alpha", settings: ["concurrency": "2"], arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model])) { controller in
                _ = try await controller.load("alpha")
                let replies = (0..<6).map { number in
                    Task { try await controller.ask("alpha", "n\(number)", tokens: 15) }
                }
                try await eventually("two run, four wait") {
                    let waiting = try await controller.model("alpha").waiting
                    return try await controller.engine(of: "alpha").inFlight == 2 && waiting == 4
                }
                for reply in replies { _ = try await reply.value.succeeded() }
            }
        }

        /// Whoever waits for a permit is told of every one that is given back, however fast they come and go.
        @Test func nobodyIsForgottenInFrontOfAnIdleEngine() async throws {
            let model = TestModel("alpha", settings: ["concurrency": "1"])
            try await withController(.init([model])) { controller in
                _ = try await controller.load("alpha")
                try await withThrowingTaskGroup { group in
                    for number in 0..<16 {
                        group.addTask {
                            for _ in 0..<20 {
                                _ = try await controller.ask("alpha", "n\(number)", tokens: 1).succeeded()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await controller.model("alpha").waiting == 0)
            }
        }
    }
}
