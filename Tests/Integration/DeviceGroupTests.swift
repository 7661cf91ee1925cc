import TestSupport
import Testing

extension Integration {
    /// Engines over several devices that take one rank each. The simulated runtime stands in for those, and the config says
    /// what memory they have.
    @Suite struct DeviceGroups {
        private static func setup(
            _ models: [TestModel], mebibytes: Int = 2048, templates: Bool = false
        ) -> ControllerSetup {
            let devices = (0..<2).map { "{id: \"cuda:\($0)\", memory: \(mebibytes)MiB}" }
            return .init(
                models, templates: templates,
                settings: [
                    "devices": "[\(devices.joined(separator: ", "))]",
                    "scheduling": "{minimum_residency: 0s, queue_timeout: 60s}",
                ])
        }

        @Test(arguments: [false, true])
        func aGroupIsOnBothDevicesBesideASingleRank(withTemplate: Bool) async throws {
            let models = [TestModel.remote("pair", workers: 2), TestModel.remote("single")]
            try await withController(Self.setup(models, templates: withTemplate)) { controller in
                if withTemplate { for model in models { try await controller.awaitTemplate(of: model.name) } }
                #expect(try await controller.awaitIdlePool(of: 2).map(\.device).sorted() == ["cuda:0", "cuda:1"])
                let reply = try await controller.ask("pair").succeeded()
                #expect(try reply.answer() == "pair: one two")
                #expect(reply[header: "x-start-tier"] == (withTemplate ? "warm" : "cold"))
                let pair = try await controller.engine(of: "pair")
                #expect(pair.device == "cuda:0")
                #expect(pair.devices == ["cuda:0", "cuda:1"])
                #expect(try await controller.pool(of: pair.id).map(\.device) == ["cuda:0", "cuda:1"])
                let share = try await controller.devices().map(\.usedBytes)
                #expect(share[0] == share[1] && share[0] > 512 << 20)
                #expect(try await controller.command("engines").output.contains("cuda:0, cuda:1"))

                let single = try await controller.load("single")
                #expect(single.devices == ["cuda:0"])
                #expect(try await controller.ask("single").succeeded().answer() == "single: one two")
                let both = try await controller.devices().map(\.usedBytes)
                #expect(both[0] > share[0] && both[1] == share[1])

                _ = try await controller.unload("pair")
                #expect(try await controller.devices().map(\.usedBytes) == [both[0] - share[0], 0])
                _ = try await controller.unload("single")
                #expect(try await controller.devices().map(\.usedBytes) == [0, 0])
                #expect(try await controller.awaitIdlePool(of: 2).map(\.device).sorted() == ["cuda:0", "cuda:1"])
            }
        }

        @Test func bothDevicesAreClearedForAGroup() async throws {
            let models = [TestModel("alpha"), TestModel("beta"), TestModel.remote("pair", workers: 2)]
            try await withController(Self.setup(models, mebibytes: 800)) { controller in
                for (model, device) in [("alpha", "cuda:0"), ("beta", "cuda:1")] {
                    #expect(try await controller.load(model).device == device)
                }
                for _ in 0..<2 {
                    #expect(try await controller.ask("pair").succeeded().answer() == "pair: one two")
                    #expect(try await controller.engines().map(\.model) == ["pair"])
                    for model in ["alpha", "beta"] { _ = try await controller.ask(model).succeeded() }
                    #expect(try await controller.engines().map(\.model).sorted() == ["alpha", "beta"])
                }
            }
        }

        /// There is memory for one of them only.
        @Test func twoGroupsAtOnceDoNotWaitForEachOther() async throws {
            let models = ["alpha", "beta"].map { TestModel.remote($0, workers: 2) }
            try await withController(Self.setup(models, mebibytes: 800)) { controller in
                for round in 0..<4 {
                    let replies = try await controller.askAll(["alpha", "beta"], "r\(round)")
                    #expect(
                        Set(try replies.map { try $0.succeeded().answer() }) == ["alpha: r\(round)", "beta: r\(round)"])
                    #expect(try await controller.devices().allSatisfy { $0.usedBytes <= $0.memoryBytes })
                }
            }
        }

        @Test func aWorkerThatDiesOnOneDeviceEndsTheEngineOnBoth() async throws {
            try await withController(Self.setup([.remote("pair", workers: 2)])) { controller in
                let engine = try await controller.load("pair")
                let lost = try #require(try await controller.pool(of: engine.id).last?.pid)
                try ProcessTable.kill(lost)
                try await eventually("its memory is free on both") {
                    try await controller.devices().allSatisfy { $0.usedBytes == 0 }
                }
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
                #expect(try await controller.ask("pair").succeeded().answer() == "pair: one two")
                #expect(try await controller.engine(of: "pair").devices == ["cuda:0", "cuda:1"])
            }
        }

        @Test func aParkedGroupComesBackToItsDevices() async throws {
            try await withController(Self.setup([.remote("pair", workers: 2)])) { controller in
                let engine = try await controller.load("pair")
                #expect(try await controller.park(engine.id).status == 200)
                try await eventually("its memory is free on both") {
                    try await controller.devices().allSatisfy { $0.usedBytes == 0 }
                }
                #expect(try await controller.ask("pair").succeeded().answer() == "pair: one two")
                #expect(try await controller.engine(of: "pair").id == engine.id)
                let pool = try await controller.pool(of: engine.id)
                #expect(pool.map(\.device) == ["cuda:0", "cuda:1"])
            }
        }

        @Test func moreRanksThanDevices() async throws {
            try await withController(Self.setup([.remote("four", workers: 4)])) { controller in
                let reply = try await controller.ask("four")
                #expect(reply.status == 503)
                let message = try reply.error().message
                #expect(
                    message.contains(
                        "tensor_parallel_size 4 needs 4 devices that take one rank each; there are 2: cuda:0, cuda:1"),
                    "\(message)")
            }
        }

        @Test func aUsersGroup() async throws {
            try await withController(Self.setup([TestModel("alpha")])) { controller in
                let options = ["--device-type", "cuda"]
                let executor = try UserExecutor(
                    controller.folder, workers: 2, footprint: 1001 << 20, options: options)
                let ready = try await executor.ready()
                let engine = try await controller.engine(ready.engine)
                #expect(engine.isExternal && engine.devices == ["cuda:0", "cuda:1"])
                #expect(try await controller.devices().map(\.usedBytes) == [1001 << 19, 1001 << 19])
                let third = try UserExecutor(controller.folder, workers: 3, footprint: 3 << 20, options: options)
                let refusal = try await third.refusal()
                #expect(refusal.contains("3 workers on as many 'cuda' devices, and 1 MiB on each"), "\(refusal)")
                #expect(try await controller.delete("/engines/\(ready.engine)").status == 200)
                #expect(try await controller.devices().map(\.usedBytes) == [0, 0])
            }
        }
    }
}
