import TestSupport
import Testing

extension Integration {
    /// A model that nobody loaded answers.
    @Suite struct OnDemand {
        @Test func aRequestStartsTheEngine() async throws {
            let model = TestModel("alpha", arguments: TestModel.coreFirst)
            try await withController(.init([model], templates: false)) { controller in
                #expect(try await controller.model("alpha").tier == "cold")

                let cold = try await controller.ask("alpha", "one two").succeeded()
                #expect(try cold.answer() == "alpha: one two")
                #expect(cold[header: "x-start-tier"] == "cold")
                let stages = try #require(cold[header: "server-timing"])
                for stage in ["queue", "lease", "config", "attach", "load", "kv_cache", "warm_up", "app", "listen"] {
                    #expect(stages.contains("\(stage);dur="))
                }

                let hot = try await controller.ask("alpha", "three").succeeded()
                #expect(try hot.answer() == "alpha: three three")
                #expect(hot[header: "x-start-tier"] == "hot")
                #expect(hot[header: "server-timing"]?.hasPrefix("queue;dur=") == true)
                #expect(hot[header: "server-timing"]?.contains("load") == false)
                #expect(try await controller.model("alpha").tier == "hot")
            }
        }

        @Test func requestsThatComeMeanwhileShareTheStart() async throws {
            let model = TestModel("alpha", arguments: ["sim-load-ms": "500"])
            try await withController(.init([model], templates: false)) { controller in
                let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                    for number in 0..<20 {
                        group.addTask { try await controller.ask("alpha", "n\(number)", tokens: 2) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(Set(try replies.map { try $0.succeeded().answer() }) == Set((0..<20).map { "alpha: n\($0)" }))
                #expect(replies.allSatisfy { $0[header: "x-start-tier"] == "cold" })
                #expect(try await controller.engines().map(\.id) == ["e-1"])
            }
        }

        @Test func aStreamComesInOrderAndAsItIsMade() async throws {
            let model = TestModel("alpha", arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model], templates: false)) { controller in
                let words = (1...20).map { "w\($0)" }
                var stream = try await controller.stream("alpha", words.joined(separator: " "), tokens: 21)
                #expect(stream.status == 200)
                #expect(stream.headers["content-type"]?.hasPrefix("text/event-stream") == true)
                #expect(stream.headers["x-start-tier"] == "cold")
                #expect(try await stream.nextToken() == "alpha:")
                // The engine takes a second for what still has to come.
                #expect(try await controller.engine(of: "alpha").inFlight == 1)
                #expect(try await stream.rest() == words.map { .token(" " + $0) } + [.done])
                try await eventually("the permit is back") { try await controller.engine(of: "alpha").inFlight == 0 }
            }
        }

        @Test func everyNameLeadsToTheModel() async throws {
            let models = [TestModel("alpha", settings: ["aliases": "[default, team/best]"]), TestModel("beta")]
            try await withController(.init(models)) { controller in
                for name in ["default", "team/best", "alpha", "e-1"] {
                    let reply = try await controller.ask(name, tokens: 1).succeeded()
                    #expect(try reply.answer() == "alpha:")
                }
                #expect(try await controller.ask("beta", tokens: 1).succeeded().answer() == "beta:")
                #expect(try await controller.engines().map(\.model) == ["alpha", "beta"])
            }
        }

        @Test func twoModelsAnswerByTurns() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")], templates: false)) { controller in
                for round in 0..<5 {
                    for model in ["alpha", "beta"] {
                        let reply = try await controller.ask(model, "r\(round)", tokens: 2).succeeded()
                        #expect(try reply.answer() == "\(model): r\(round)")
                        #expect(reply[header: "x-start-tier"] == (round == 0 ? "cold" : "hot"))
                    }
                }
                #expect(try await controller.engines().count == 2)
            }
        }

        @Test func aClientThatLeavesDoesNotStopTheStart() async throws {
            try await withController(.init([TestModel("alpha", arguments: ["sim-load-ms": "500"])])) { controller in
                let client = Task { try await controller.ask("alpha") }
                try await eventually("the request waits") { try await controller.model("alpha").waiting == 1 }
                client.cancel()
                await #expect(throws: (any Error).self) { try await client.value }
                try await eventually("nobody waits") { try await controller.model("alpha").waiting == 0 }
                try await eventually("the model is loaded") { try await controller.model("alpha").tier == "hot" }
                #expect(try await controller.engine(of: "alpha").id == "e-1")
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        @Test func aClientThatLeavesInMidStreamFreesItsPlace() async throws {
            let model = TestModel(
                "alpha", settings: ["concurrency": "1"], arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model])) { controller in
                let client = Task {
                    var stream = try await controller.stream("alpha", "a", tokens: 2000)
                    return try await stream.rest()
                }
                try await eventually("the stream runs") { try await controller.engines().first?.inFlight == 1 }
                client.cancel()
                await #expect(throws: (any Error).self) { try await client.value }
                // Its answer had minutes to go.
                let reply = try await controller.ask("alpha").succeeded()
                #expect(reply[header: "x-start-tier"] == "hot")
                #expect(try await controller.engine(of: "alpha").id == "e-1")
            }
        }

        @Test func requestsBeforeTheRuntimeIsUpWaitForIt() async throws {
            let setup = ControllerSetup([TestModel("alpha")], environment: ["SIM_ZYGOTE_START_MS": "1500"])
            try await withController(setup) { controller in
                #expect(try await controller.health().status == "starting")
                let reply = try await controller.ask("alpha").succeeded()
                #expect(reply[header: "x-start-tier"] == "cold")
                #expect(try await controller.health().status == "healthy")
            }
        }
    }
}
