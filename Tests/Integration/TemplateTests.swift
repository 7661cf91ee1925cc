import TestSupport
import Testing

extension Integration {
    /// What of a start is done ahead of the first request.
    @Suite struct Templates {
        @Test func oneIsMadeOfEachModel() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                for model in ["alpha", "beta"] {
                    let template = try await controller.awaitTemplate(of: model)
                    #expect(!template.hasWeights)
                    #expect(template.stages.map(\.stage) == ["config", "app"])
                    #expect(ProcessTable.isAlive(try #require(template.pid)))
                    #expect(try await controller.model(model).tier == "warm")
                }
                let templates = try await controller.templates()
                #expect(templates.map(\.role) == ["template", "template"])
                #expect(templates.compactMap(\.model).sorted() == ["alpha", "beta"])
                // Each keeps processes of its own, beside those that any model can have.
                try await eventually("three workers are idle") {
                    let idle = try await controller.workers().filter { $0.state == "idle" }
                    return Set(idle.map(\.model)) == [nil, "alpha", "beta"]
                }
                // What they hold is measured, and counted.
                try await eventually("they are measured") {
                    let footprints = try await controller.models().map { $0.template?.footprintBytes ?? 0 }
                    let used = try await controller.devices()[0].usedBytes
                    return footprints.allSatisfy { $0 > 0 } && footprints.reduce(0, +) == used
                }
            }
        }

        @Test func aStartFromItIsWarm() async throws {
            let model = TestModel("alpha", arguments: ["sim-config-ms": "200", "sim-app-ms": "200"])
            try await withController(.init([model])) { controller in
                try await controller.awaitTemplate(of: "alpha")
                let reply = try await controller.ask("alpha").succeeded()
                #expect(reply[header: "x-start-tier"] == "warm")
                #expect(try reply.answer() == "alpha: one two")
                let engine = try await controller.engine(of: "alpha")
                #expect(engine.startTier == "warm")
                // Done ahead of it.
                let skipped = engine.stages.filter { ["config", "app"].contains($0.stage) }
                #expect(skipped.isEmpty == false && skipped.allSatisfy { $0.ms == 0 })
                let done = engine.stages.filter { ["attach", "load", "kv_cache"].contains($0.stage) }
                #expect(done.map(\.stage) == ["attach", "load", "kv_cache"])
                #expect(done.allSatisfy { $0.ms > 0 })

                #expect(try await controller.model("alpha").tier == "hot")
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
                // It is there for the next start too.
                let template = try await controller.awaitTemplate(of: "alpha")
                _ = try await controller.unload("alpha")
                #expect(try await controller.model("alpha").tier == "warm")
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "warm")
                #expect(try await controller.awaitTemplate(of: "alpha").pid == template.pid)
            }
        }

        @Test func aModelWithoutOneStartsCold() async throws {
            let models = [TestModel("alpha", settings: ["template": "false"]), TestModel("beta")]
            try await withController(.init(models)) { controller in
                try await controller.awaitTemplate(of: "beta")
                #expect(try await controller.model("alpha").tier == "cold")
                #expect(try await controller.model("alpha").template == nil)
                let reply = try await controller.ask("alpha").succeeded()
                #expect(reply[header: "x-start-tier"] == "cold")
                #expect(try await controller.engine(of: "alpha").startTier == "cold")
                #expect(try await controller.templates().map(\.model) == ["beta"])

                let sleep = try await controller.post("/models/alpha/sleep")
                #expect(sleep.status == 409)
                #expect(try sleep.error().message.contains("template: false"))
                #expect(try await controller.model("alpha").tier == "hot")
            }
        }

        @Test func eightAreMadeOneByOneAndNoStartWaitsForThem() async throws {
            // So long that the start below is over before it.
            let first = TestModel("m1", arguments: ["sim-template-ms": "4000"])
            let models = [first] + (2...8).map { TestModel("m\($0)") }
            try await withController(.init(models)) { controller in
                func states() async throws -> [String?] { try await controller.models().map { $0.template?.state } }
                try await eventually("the first is in the making") { try await states()[0] == "preparing" }
                let reply = try await controller.ask("m8").succeeded()
                #expect(reply[header: "x-start-tier"] == "cold")
                #expect(try await states()[0] == "preparing")

                var inTheMaking = 0
                try await eventually("all are ready") {
                    let states = try await states()
                    inTheMaking = max(inTheMaking, states.count { ["starting", "preparing"].contains($0) })
                    return states.allSatisfy { $0 == "ready" }
                }
                #expect(inTheMaking == 1)
                for number in 1...7 {
                    let reply = try await controller.ask("m\(number)").succeeded()
                    #expect(reply[header: "x-start-tier"] == "warm")
                    #expect(try reply.answer() == "m\(number): one two")
                }
            }
        }

        @Test func theyGiveWayToAStart() async throws {
            // Room for one engine (an estimated 528 MiB) and one template (128 MiB), not for two.
            let setup = ControllerSetup(
                [TestModel("alpha"), TestModel("beta")],
                settings: ["devices": #"[{id: "cpu:0", memory: 600MiB}]"#, "scheduling": "{minimum_residency: 0s}"])
            try await withController(setup) { controller in
                for round in 0..<2 {
                    for model in ["alpha", "beta"] {
                        let answer = try await controller.ask(model, "r\(round)", tokens: 2).succeeded().answer()
                        #expect(answer == "\(model): r\(round)")
                    }
                }
                let device = try await controller.devices()[0]
                #expect(device.usedBytes <= device.memoryBytes)
            }
        }
    }
}
