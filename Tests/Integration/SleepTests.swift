import TestSupport
import Testing

extension Integration {
    /// Models whose weights are kept while nobody uses them.
    @Suite struct Sleep {
        @Test func keepsTheWeightsAndNothingElse() async throws {
            try await withController(.init([TestModel("alpha", arguments: ["sim-load-ms": "200"])])) { controller in
                let engine = try await controller.load("alpha")
                let asleep = try await controller.sleep("alpha")
                #expect(asleep.tier == "asleep")
                #expect(asleep.template?.hasWeights == true)
                #expect(asleep.engines.isEmpty)
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
                // It is there already.
                #expect(try await controller.sleep("alpha").template?.pid == asleep.template?.pid)
                #expect(try await controller.openAIModels().map(\.tier) == ["asleep"])

                // A request wakes it.
                let reply = try await controller.ask("alpha").succeeded()
                #expect(reply[header: "x-start-tier"] == "asleep")
                #expect(try reply.answer() == "alpha: one two")
                let next = try await controller.engine(of: "alpha")
                #expect(next.startTier == "asleep")
                #expect(next.stages.filter { ["attach", "load"].contains($0.stage) }.map(\.ms) == [0, 0])
                #expect(try await controller.model("alpha").tier == "hot")
                // The weights stay where they are.
                #expect(try await controller.model("alpha").template?.pid == asleep.template?.pid)
                #expect(try await controller.sleep("alpha").tier == "asleep")
            }
        }

        @Test func endsWithWake() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                try await controller.awaitTemplate(of: "alpha")
                // One that nobody loaded can be brought there too.
                #expect(try await controller.sleep("alpha").tier == "asleep")
                #expect(try await controller.engines().isEmpty)
                let engine = try await controller.wake("alpha")
                #expect(engine.state == "ready")
                #expect(engine.startTier == "asleep")
                #expect(try await controller.wake("alpha").id == engine.id)

                try await controller.awaitTemplate(of: "beta")
                let refused = try await controller.post("/models/beta/wake")
                #expect(refused.status == 409)
                #expect(try refused.error().code == "conflict")
                #expect(try refused.error().message.contains("not asleep but warm"))
                for command in ["sleep", "wake"] {
                    #expect(try await controller.post("/models/none/\(command)").status == 404)
                }
            }
        }

        @Test func unloadGivesTheWeightsBack() async throws {
            let weights = 300 << 20
            let model = TestModel("alpha", arguments: ["sim-memory-bytes": "\(weights)"])
            try await withController(.init([model])) { controller in
                let asleep = try #require(try await controller.sleep("alpha").template?.pid)
                try await eventually("what it holds is measured") {
                    try await controller.model("alpha").template?.footprintBytes ?? 0 >= weights
                }
                #expect(try await controller.devices()[0].usedBytes >= weights)

                let report = try await controller.unload("alpha")
                #expect(report.engines.isEmpty)
                #expect(report.freedBytes >= weights)
                #expect(!ProcessTable.isAlive(asleep))
                #expect(try await controller.devices()[0].usedBytes < weights)
                // What needs no weights is made anew.
                let template = try await controller.awaitTemplate(of: "alpha")
                #expect(!template.hasWeights)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "warm")
            }
        }

        @Test func comesAfterTheIdleTimeout() async throws {
            let models = [
                TestModel("alpha", settings: ["idle_timeout": "700ms"]),
                TestModel("pinned", settings: ["idle_timeout": "700ms", "pin": "true"]),
                TestModel("bare", settings: ["idle_timeout": "700ms", "template": "false"]),
            ]
            try await withController(.init(models)) { controller in
                for model in models { _ = try await controller.load(model.name) }
                let engine = try await controller.engine(of: "alpha")
                try await eventually("it is asleep") { try await controller.model("alpha").tier == "asleep" }
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
                // Without a template there is nobody who could keep the weights.
                try await eventually("it is stopped") { try await controller.model("bare").tier == "cold" }
                #expect(try await controller.model("pinned").tier == "hot")
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "asleep")
            }
        }

        @Test func isNoTimeoutWhileRequestsRun() async throws {
            let model = TestModel(
                "alpha", settings: ["idle_timeout": "300ms"], arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model])) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 31)
                #expect(try await stream.nextToken() == "alpha:")
                let engine = try await controller.engine(of: "alpha")
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 30) + [.done])
                try await eventually("it is asleep") { try await controller.model("alpha").tier == "asleep" }
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
            }
        }
    }

    /// Weights that find no room beside what others hold: `alpha` has big ones, and once it is loaded `beta` takes the
    /// memory that was estimated for it and that it did not need.
    @Suite struct SleepWithoutRoom {
        private static let held = 900 << 20

        private func withShortMemory(
            idleTimeout: String, _ body: (RunningController) async throws -> Void
        ) async throws {
            let alpha = TestModel(
                "alpha", files: .sparse(bytes: 600 << 20), settings: ["idle_timeout": idleTimeout])
            let beta = TestModel("beta", arguments: ["sim-memory-bytes": "\(Self.held)"])
            let setup = ControllerSetup(
                [alpha, beta],
                settings: ["devices": #"[{id: "cpu:0", memory: 1600MiB}]"#])
            try await withController(setup) { controller in
                for model in ["alpha", "beta"] { try await controller.awaitTemplate(of: model) }
                _ = try await controller.load("alpha")
                try await eventually("what it needs is measured") {
                    _ = try await controller.ask("alpha").succeeded()
                    return try await controller.model("alpha").footprintBytes ?? .max < 600 << 20
                }
                _ = try await controller.load("beta")
                try await eventually("the other is measured") {
                    _ = try await controller.ask("alpha").succeeded()
                    return try await controller.model("beta").footprintBytes ?? 0 >= Self.held
                }
                try await body(controller)
            }
        }

        @Test func theIdleTimeoutStopsTheModel() async throws {
            try await withShortMemory(idleTimeout: "4s") { controller in
                let engine = try await controller.engine(of: "alpha")
                try await eventually("it is stopped") { try await controller.model("alpha").engines.isEmpty }
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
                #expect(try await controller.model("alpha").tier == "warm")
                #expect(try await controller.model("alpha").template?.hasWeights == false)
                #expect(try await controller.model("beta").tier == "hot")
            }
        }

        @Test func aSleepIsRefusedWithTheSum() async throws {
            try await withShortMemory(idleTimeout: "off") { controller in
                let reply = try await controller.post("/models/alpha/sleep")
                #expect(reply.status == 503)
                let error = try reply.error()
                #expect(error.code == "out_of_memory")
                #expect(error.message.contains("The weights of 'alpha' cannot be kept"))
                #expect(error.message.contains("cpu:0 has 1600 MiB"))
                #expect(try await controller.model("alpha").tier == "warm")
                #expect(try await controller.model("beta").tier == "hot")
            }
        }
    }
}
