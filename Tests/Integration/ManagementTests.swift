import TestSupport
import Testing

extension Integration {
    @Suite struct Management {
        @Test func listings() async throws {
            let alpha = TestModel("alpha", settings: ["aliases": "[default]"], arguments: TestModel.coreFirst)
            try await withController(.init([alpha, TestModel("beta")], templates: false)) { controller in
                _ = try await controller.ask("default").succeeded()

                let listed = try await controller.openAIModels()
                #expect(listed.map(\.id) == ["alpha", "default", "beta"])
                #expect(listed.map(\.root) == ["alpha", "alpha", "beta"])
                #expect(listed.map(\.tier) == ["hot", "hot", "cold"])

                let states = try await controller.models()
                #expect(states.map(\.name) == ["alpha", "beta"])
                #expect(states.map(\.engines) == [["e-1"], []])
                #expect(states[0].aliases == ["default"])

                let engine = try await controller.engine(of: "alpha")
                #expect(engine.state == "ready")
                #expect(engine.device == "cpu:0")
                #expect(engine.apiUrl == "\(controller.address)/v1")
                #expect(controller.address.hasSuffix(":\(engine.port)"))
                #expect(engine.pids.count == 2)
                #expect(engine.pids.allSatisfy(ProcessTable.isAlive))

                let worker = try #require(try await controller.workers().first { $0.engine == "e-1" })
                #expect(worker.pid == engine.pid)
                #expect(worker.frontEndPid == engine.frontEndPid)
                #expect(worker.state == "leased")
                #expect(worker.rank == 0)

                #expect(try await controller.health().status == "healthy")
                #expect(try await controller.get("/engines/e-1/load_timings").succeeded().text.contains("kv_cache"))
                #expect(try await controller.get("/engines/e-9").status == 404)
            }
        }

        @Test func loadAndUnload() async throws {
            let model = TestModel("alpha", settings: ["aliases": "[default]"])
            try await withController(.init([model], templates: false)) { controller in
                let engine = try await controller.load("default")
                #expect(engine.state == "ready")
                #expect(engine.model == "alpha")
                #expect(try await controller.load("alpha").id == engine.id)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")

                let report = try await controller.unload("alpha")
                #expect(report.engines == [engine.id])
                #expect(report.freedBytes > 0)
                // It answers when they are gone, not when they were told to go.
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
                #expect(try await controller.engines().isEmpty)
                #expect(try await controller.devices().map(\.usedBytes) == [0])
                #expect(try await controller.unload("alpha").engines.isEmpty)

                #expect(try await controller.post("/models/none/load").status == 404)
                #expect(try await controller.post("/models/none/unload").status == 404)
            }
        }

        @Test func unloadLetsRequestsEnd() async throws {
            let model = TestModel("alpha", arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model], templates: false)) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 31)
                #expect(try await stream.nextToken() == "alpha:")
                let unloading = Task { try await controller.unload("alpha") }
                try await eventually("it drains") { try await controller.engine(of: "alpha").state == "draining" }
                // Meanwhile the model is wanted again: by another engine, after this one.
                let next = Task { try await controller.ask("alpha", tokens: 1) }
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 30) + [.done])
                #expect(try await unloading.value.engines == ["e-1"])
                #expect(try await next.value.succeeded()[header: "x-start-tier"] == "cold")
                #expect(try await controller.engines().map(\.id) == ["e-2"])
            }
        }

        @Test func unloadDuringTheStartEndsIt() async throws {
            try await withController(.init([TestModel("alpha", arguments: ["sim-hang-at": "load"])])) { controller in
                let waiting = Task { try await controller.ask("alpha") }
                try await eventually("it starts") { try await controller.engines().first?.state == "starting" }
                #expect(try await controller.unload("alpha").engines == ["e-1"])
                let reply = try await waiting.value
                #expect(reply.status == 409)
                #expect(try reply.error().code == "conflict")
            }
        }
    }
}
