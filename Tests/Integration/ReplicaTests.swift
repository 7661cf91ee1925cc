import TestSupport
import Testing

extension Integration {
    /// Several engines of one model.
    @Suite struct Replicas {
        /// One request in each of at most two engines, at 20 tokens a second.
        private static func model(_ settings: [String: String] = [:]) -> TestModel {
            TestModel(
                "alpha", settings: ["concurrency": "1", "replicas": "2"].merging(settings) { $1 },
                arguments: ["sim-tokens-per-second": "20"])
        }

        private static func rest(_ word: String, _ count: Int) -> [AnswerStream.Event] {
            Array(repeating: .token(" " + word), count: count) + [.done]
        }

        @Test func answerAtTheSameTime() async throws {
            try await withController(.init([Self.model()])) { controller in
                // With the weights kept, the second one is there at once.
                #expect(try await controller.sleep("alpha").tier == "asleep")
                var first = try await controller.stream("alpha", "a", tokens: 81)
                #expect(try await first.nextToken() == "alpha:")
                var second = try await controller.stream("alpha", "b", tokens: 21)
                #expect(second.headers["x-start-tier"] == "asleep")
                #expect(try await second.nextToken() == "alpha:")

                let engines = try await controller.engines()
                #expect(engines.map(\.state) == ["ready", "ready"])
                #expect(engines.map(\.inFlight) == [1, 1])
                #expect(engines.map(\.startTier) == ["asleep", "asleep"])
                #expect(Set(engines.flatMap(\.pids)).count == 4)
                #expect(try await controller.model("alpha").engines == engines.map(\.id))
                // The setting says two.
                let waiting = Task { try await controller.ask("alpha", "c", tokens: 2).succeeded() }
                try await eventually("a third one waits") { try await controller.model("alpha").waiting == 1 }
                #expect(try await controller.engines().count == 2)

                #expect(try await second.rest() == Self.rest("b", 20))
                // It goes to the engine that has a permit first, while the other is still busy.
                let reply = try await waiting.value
                #expect(try reply.answer() == "alpha: c")
                #expect(reply[header: "x-start-tier"] == "hot")
                #expect(try await controller.engine(of: "alpha").inFlight == 1)
                #expect(try await first.rest() == Self.rest("a", 80))
            }
        }

        @Test func haveNamesOfTheirOwn() async throws {
            try await withController(.init([Self.model()], templates: false)) { controller in
                let ids = try await controller.startBoth().map(\.id)
                for id in ids + ids.reversed() {
                    #expect(try await controller.ask(id, tokens: 1).succeeded().answer() == "alpha:")
                }
                // With that one busy, another does not answer in its stead.
                var stream = try await controller.stream(ids[0], "a", tokens: 21)
                #expect(try await stream.nextToken() == "alpha:")
                let waiting = Task { try await controller.ask(ids[0], tokens: 1) }
                try await eventually("it waits") { try await controller.model("alpha").waiting == 1 }
                #expect(try await controller.ask("alpha", tokens: 1).succeeded().answer() == "alpha:")
                #expect(try await stream.rest() == Self.rest("a", 20))
                #expect(try await waiting.value.succeeded().answer() == "alpha:")
            }
        }

        @Test(arguments: [0, 1])
        func surviveOneAnother(victim: Int) async throws {
            try await withController(.init([Self.model()])) { controller in
                let engines = try await controller.startBoth()
                let ids = engines.map(\.id)
                var streams: [AnswerStream] = []
                for id in ids { streams.append(try await controller.stream(id, "a", tokens: 31)) }
                for index in streams.indices { #expect(try await streams[index].nextToken() == "alpha:") }
                try ProcessTable.kill(try #require(engines[victim].pid))

                #expect(try await streams[victim].rest().last == .error(code: "engine_died"))
                #expect(try await controller.model("alpha").tier == "hot")
                #expect(try await streams[1 - victim].rest() == Self.rest("a", 30))
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
                try await eventually("the other is gone") {
                    try await controller.model("alpha").engines == [ids[1 - victim]]
                }
                #expect(engines[victim].pids.allSatisfy { !ProcessTable.isAlive($0) })
            }
        }

        @Test func areUnloadedTogether() async throws {
            try await withController(.init([Self.model()], templates: false)) { controller in
                let engines = try await controller.startBoth()
                let report = try await controller.unload("alpha")
                #expect(report.engines == engines.map(\.id))
                #expect(engines.flatMap(\.pids).allSatisfy { !ProcessTable.isAlive($0) })
                #expect(try await controller.engines().isEmpty)
                #expect(try await controller.devices()[0].usedBytes == 0)
            }
        }

        @Test func fallAsleepAsOneModel() async throws {
            try await withController(.init([Self.model(["idle_timeout": "1s"])])) { controller in
                let engines = try await controller.startBoth()
                try await eventually("it is asleep") { try await controller.model("alpha").tier == "asleep" }
                #expect(engines.flatMap(\.pids).allSatisfy { !ProcessTable.isAlive($0) })
                #expect(try await controller.model("alpha").engines.isEmpty)
            }
        }

        @Test func areMissedByNobodyWhereThereIsNoRoom() async throws {
            var model = Self.model()
            model.arguments["kv-cache-memory-bytes"] = "600MiB"
            let settings = ["devices": #"[{id: "cpu:0", memory: 1600MiB}]"#]
            try await withController(.init([model], templates: false, settings: settings)) { controller in
                let replies = (0..<4).map { number in
                    Task { try await controller.ask("alpha", "n\(number)", tokens: 9) }
                }
                for reply in replies { _ = try await reply.value.succeeded() }
                #expect(try await controller.engines().map(\.id) == ["e-1"])
                #expect(try await controller.model("alpha").lastError == nil)
            }
        }
    }
}

extension RunningController {
    /// Two requests at the same time bring `alpha` two engines, which have nothing to do afterwards.
    fileprivate func startBoth() async throws -> [EngineState] {
        var first = try await stream("alpha", "a", tokens: 41)
        _ = try await first.nextToken()
        _ = try await ask("alpha", tokens: 1).succeeded()
        let engines = try await engines()
        guard engines.count == 2 else { throw TestFailure("\(engines.map(\.id)) instead of two engines") }
        _ = try await first.rest()
        return engines
    }
}
