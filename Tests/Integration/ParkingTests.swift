import TestSupport
import Testing

extension Integration {
    /// Engines that give their workers back and keep their front ends.
    @Suite struct Parking {
        /// What a front end and a core without workers count for.
        private static let parked = 256 << 20

        @Test(arguments: [1, 2])
        func aRequestGetsThemWorkersAgain(_ size: Int) async throws {
            let model = TestModel.remote("alpha", workers: size, arguments: ["sim-memory-bytes": "\(400 << 20)"])
            try await withController(.init([model], templates: false)) { controller in
                let engine = try await controller.load("alpha")
                for round in 0..<2 {
                    _ = try await controller.park(engine.id).succeeded()
                    #expect(try await controller.model("alpha").tier == "parked")
                    let parked = try await controller.engine(engine.id)
                    #expect(parked.state == "asleep")
                    #expect(parked.pids == engine.pids)
                    #expect(parked.pids.allSatisfy(ProcessTable.isAlive))
                    try await controller.awaitIdlePool(of: size)
                    #expect(try await controller.engine(engine.id).workers.isEmpty)
                    // What counts is its front end and core.
                    try await eventually("its memory is back") {
                        try await controller.devices()[0].usedBytes <= Self.parked
                    }
                    // Who is parked can be parked.
                    _ = try await controller.park(engine.id).succeeded()

                    let reply = try await controller.ask("alpha", "r\(round)", tokens: 2).succeeded()
                    #expect(try reply.answer() == "alpha: r\(round)")
                    #expect(reply[header: "x-start-tier"] == "parked")
                    let timings = reply[header: "server-timing"]?.split(separator: ", ").map { $0.prefix { $0 != ";" } }
                    #expect(timings == ["queue", "lease", "attach", "load", "kv_cache", "warm_up"])
                    let again = try await controller.engine(of: "alpha")
                    #expect(again.id == engine.id)
                    #expect(again.frontEndPid == engine.frontEndPid)
                    #expect(again.pid == engine.pid)
                    #expect(again.startTier == "parked")
                    #expect(again.stages.map(\.stage) == ["lease", "attach", "load", "kv_cache", "warm_up"])
                    #expect(
                        try await controller.pool(of: engine.id).map(\.state) == Array(repeating: "leased", count: size)
                    )
                    #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
                }
            }
        }

        @Test func workersCanBeGivenWithoutARequest() async throws {
            try await withController(.init([.remote("alpha")], templates: false)) { controller in
                let engine = try await controller.load("alpha")
                _ = try await controller.park(engine.id).succeeded()
                _ = try await controller.unpark(engine.id).succeeded()
                #expect(try await controller.model("alpha").tier == "hot")
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
                // One that has them keeps them.
                let workers = try await controller.engine(of: "alpha").workers
                _ = try await controller.unpark(engine.id).succeeded()
                #expect(try await controller.engine(of: "alpha").workers == workers)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        @Test func requestsInFlightEndFirst() async throws {
            let model = TestModel.remote("alpha", arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model], templates: false)) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 31)
                #expect(try await stream.nextToken() == "alpha:")
                let engine = try await controller.engine(of: "alpha")
                let parking = Task { try await controller.park(engine.id).succeeded() }
                try await eventually("it drains") { try await controller.engine(engine.id).state == "draining" }
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 30) + [.done])
                _ = try await parking.value
                #expect(try await controller.model("alpha").tier == "parked")
            }
        }

        @Test func aParkedEngineMakesRoomForAnother() async throws {
            let models = Scheduling.rivals.map { TestModel.remote($0.name, arguments: $0.arguments) }
            // For one of them and what is left of a parked one; not for both.
            let settings = [
                "devices": #"[{id: "cpu:0", memory: 900MiB}]"#,
                "scheduling": "{minimum_residency: 10m, queue_timeout: 60s}",
            ]
            try await withController(.init(models, templates: false, settings: settings)) { controller in
                let alpha = try await controller.load("alpha")
                _ = try await controller.park(alpha.id).succeeded()
                let beta = try await controller.load("beta")
                #expect(alpha.pids.allSatisfy(ProcessTable.isAlive))
                _ = try await controller.park(beta.id).succeeded()
                let reply = try await controller.ask("alpha").succeeded()
                #expect(reply[header: "x-start-tier"] == "parked")
                #expect(try await controller.engine(of: "alpha").pids == alpha.pids)
                #expect(try await controller.engine(of: "beta").pids == beta.pids)
            }
        }

        @Test func theIdleTimeoutParks() async throws {
            let model = TestModel.remote("alpha", settings: ["idle_timeout": "700ms"])
            try await withController(.init([model], templates: false)) { controller in
                let engine = try await controller.load("alpha")
                try await eventually("it is parked") { try await controller.model("alpha").tier == "parked" }
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "parked")
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
            }
        }

        @Test func theyCanBeUnloaded() async throws {
            try await withController(.init([.remote("alpha")], templates: false)) { controller in
                let engine = try await controller.load("alpha")
                _ = try await controller.park(engine.id).succeeded()
                #expect(try await controller.unload("alpha").engines == [engine.id])
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
                #expect(try await controller.engines().isEmpty)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "cold")
            }
        }

        @Test func whoHasNoWorkersIsNotParked() async throws {
            try await withController(.init([TestModel("alpha"), .remote("beta")], templates: false)) { controller in
                let engine = try await controller.load("alpha")
                let reply = try await controller.park(engine.id)
                #expect(reply.status == 409)
                #expect(try reply.error().code == "conflict")
                #expect(try reply.error().message.contains("no leased workers"))
                #expect(try await controller.park("e-99").status == 404)
                #expect(try await controller.model("alpha").tier == "hot")
            }
        }

        /// The front end is there, and no workers are to be had: those who wait are told, and it stays parked.
        @Test func workersThatCannotBeHad() async throws {
            let settings = [
                "devices": #"[{id: "cpu:0", memory: 1000MiB}]"#, "scheduling": "{queue_timeout: 2s}",
            ]
            try await withController(.init([.remote("alpha")], templates: false, settings: settings)) { controller in
                let engine = try await controller.load("alpha")
                _ = try await controller.park(engine.id).succeeded()
                let dial = try ExecutorDial(controller.folder)
                let grant = try dial.request(workers: 1, footprint: 700 << 20)
                #expect(grant.type == "lease.grant")
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 504)
                #expect(try await controller.model("alpha").tier == "parked")
                _ = try dial.release(try #require(grant.engine), try #require(grant.generation))
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "parked")
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
            }
        }
    }
}
