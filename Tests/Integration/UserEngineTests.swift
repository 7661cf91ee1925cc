import Foundation
import TestSupport
import Testing

extension Integration {
    /// Engines that the controller did not start: they lease workers, and give them back.
    @Suite struct UserEngines {
        @Test func leasesAndGivesBackWhenItIsTerminated() async throws {
            let memory = 128 << 20
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                let executor = try UserExecutor(
                    controller.folder, workers: 2, footprint: memory,
                    options: ["--arguments", #"{"sim-memory-bytes": \#(memory)}"#])
                let ready = try await executor.ready()
                #expect(ready.workers.count == 2)
                #expect(ready.leaseMs > 0 && ready.readyMs >= ready.leaseMs)

                let engine = try await controller.engine(ready.engine)
                #expect(engine.isExternal)
                #expect(engine.state == "ready")
                #expect(engine.model == "mine")
                #expect(engine.device == "cpu:0")
                #expect(engine.pid == executor.process.pid)
                #expect(engine.frontEndPid == nil)
                #expect(engine.workers == ready.workers.map(\.process))
                let leased = try await controller.pool(of: ready.engine)
                #expect(leased.map(\.pid) == ready.workers.map(\.pid))
                #expect(leased.allSatisfy { $0.state == "leased" && $0.engine == ready.engine })
                #expect(leased.allSatisfy { $0.privateBytes ?? 0 > memory / 2 })
                #expect(try await controller.devices()[0].usedBytes == memory)
                // It is nobody's model, and no request goes there.
                #expect(try await controller.model("alpha").engines.isEmpty)
                #expect(try await controller.ask("mine").status == 404)
                #expect(try await controller.ask(ready.engine).status == 404)
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")

                executor.process.send(SIGTERM)
                #expect(try await executor.process.waitForEnd() == .status(0))
                try await controller.expectGivenBack(ready)
            }
        }

        @Test func givesBackAtItsEnd() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                for _ in 0..<3 {
                    let executor = try UserExecutor(controller.folder, workers: 2, options: ["--hold-ms", "50"])
                    let ready = try await executor.ready()
                    #expect(try await executor.process.waitForEnd() == .status(0))
                    try await controller.expectGivenBack(ready)
                }
            }
        }

        @Test func isTakenBackWhenItIsKilled() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                let executor = try UserExecutor(controller.folder, workers: 2)
                let ready = try await executor.ready()
                executor.process.send(SIGKILL)
                _ = try await executor.process.waitForEnd()
                try await controller.expectGivenBack(ready)
            }
        }

        @Test(arguments: ["hello", "request", "grant", "attach", "load", "kv_cache", "ready", "step"])
        func isTakenBackWhereverItDies(_ stage: String) async throws {
            // So long that it is not over when the executor dies in it.
            let arguments = ["load": #"{"sim-load-ms": 60000}"#, "kv_cache": #"{"sim-kv-cache-ms": 60000}"#]
            try await withController(.init([.remote("alpha")], templates: false)) { controller in
                let alpha = try await controller.load("alpha")
                let executor = try UserExecutor(
                    controller.folder, workers: 2,
                    options: ["--die-at", stage, "--arguments", arguments[stage] ?? "{}"])
                #expect(try await executor.process.waitForEnd() == .signal(Int(SIGKILL)))
                try await controller.expectOnly([alpha.id])
                // And the next one gets them.
                let next = try UserExecutor(controller.folder, workers: 2)
                let ready = try await next.ready()
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
                next.process.send(SIGTERM)
                _ = try await next.process.waitForEnd()
                try await controller.expectGivenBack(ready)
                #expect(try await controller.engine(of: "alpha").pids == alpha.pids)
            }
        }

        @Test func isRevokedByDelete() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                let executor = try UserExecutor(controller.folder, workers: 2)
                let ready = try await executor.ready()
                let reply = try await controller.delete("/engines/\(ready.engine)")
                #expect(reply.status == 200, "\(reply.text)")
                // The answer comes when they are back.
                #expect(try await controller.engines().isEmpty)
                #expect(try await controller.pool().allSatisfy { $0.engine == nil })
                #expect(try await executor.process.waitForEnd() == UserExecutor.End.revoked)
                try await controller.expectGivenBack(ready)
                #expect(try await controller.delete("/engines/\(ready.engine)").status == 404)
            }
        }

        /// One that does not obey loses its workers all the same.
        @Test func isRevokedAlsoWhereItHangs() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                let executor = try UserExecutor(controller.folder, workers: 1)
                let ready = try await executor.ready()
                try ProcessTable.stop(executor.process.pid)
                #expect(try await controller.delete("/engines/\(ready.engine)").status == 200)
                #expect(try await controller.engines().isEmpty)
                try await controller.expectGivenBack(ready)
                #expect(ProcessTable.isAlive(executor.process.pid))
            }
        }

        @Test func refusalsHaveTheArithmetic() async throws {
            let settings = ["devices": #"[{id: "cpu:0", memory: 600MiB}]"#]
            try await withController(.init([TestModel("alpha")], templates: false, settings: settings)) { controller in
                let cores = try await controller.devices()[0].cores.count
                let asked = cores + 1
                let cases: [(workers: Int, footprint: Int, options: [String], reasons: [String])] = [
                    (asked, 1 << 20, [], ["\(asked) workers and 1 MiB", "cpu:0 has 600 MiB", "\(cores) cores"]),
                    (1, 700 << 20, [], ["1 workers and 700 MiB", "cpu:0 has 600 MiB, of which 600 MiB are free"]),
                    (1, 1 << 20, ["--device-type", "cuda"], ["there is no such device"]),
                    (1, 1 << 20, ["--runtime-version", "2"], ["sim", "simulated-runtime 1", "simulated-runtime 2"]),
                ]
                for (workers, footprint, options, reasons) in cases {
                    let executor = try UserExecutor(
                        controller.folder, workers: workers, footprint: footprint, options: options)
                    let refusal = try await executor.refusal()
                    for reason in reasons { #expect(refusal.contains(reason), "\(refusal)") }
                    #expect(try await executor.process.waitForEnd() == UserExecutor.End.noWorkers)
                }
                #expect(try await controller.engines().isEmpty)
                #expect(try await controller.pool().allSatisfy { $0.timesUsed == 0 })
            }
        }

        @Test func waitsInLineForMemory() async throws {
            let settings = [
                "devices": #"[{id: "cpu:0", memory: 700MiB}]"#, "scheduling": "{minimum_residency: 10m}",
            ]
            try await withController(.init([.remote("alpha")], templates: false, settings: settings)) { controller in
                let alpha = try await controller.load("alpha")
                let executor = try UserExecutor(controller.folder, footprint: 600 << 20)
                try await eventually("it waits") {
                    try await controller.engines().contains { $0.isExternal && $0.state == "placing" }
                }
                _ = try await controller.unload("alpha")
                let ready = try await executor.ready()
                #expect(try await controller.engine(ready.engine).stages.map(\.stage) == ["lease"])
                // It is never evicted: who comes then waits for it.
                let asking = Task { try await controller.ask("alpha") }
                try await eventually("the model waits") { try await controller.model("alpha").waiting == 1 }
                #expect(ProcessTable.isAlive(executor.process.pid))
                executor.process.send(SIGTERM)
                #expect(try await asking.value.succeeded().answer() == "alpha: one two")
                #expect(try await controller.engine(of: "alpha").id != alpha.id)
            }
        }

        @Test func waitsUntilItsDeadline() async throws {
            let settings = [
                "devices": #"[{id: "cpu:0", memory: 700MiB}]"#, "scheduling": "{minimum_residency: 10m}",
            ]
            try await withController(.init([.remote("alpha")], templates: false, settings: settings)) { controller in
                let alpha = try await controller.load("alpha")
                let dial = try ExecutorDial(controller.folder)
                let answer = try dial.request(workers: 1, footprint: 600 << 20, deadline: .milliseconds(500))
                #expect(answer.type == "lease.refused")
                #expect(answer.reason?.contains("600 MiB") == true, "\(answer)")
                #expect(try await controller.engines().map(\.id) == [alpha.id])
                // On the same connection it may ask again.
                let grant = try dial.request(workers: 1, footprint: 100 << 20)
                #expect(grant.type == "lease.grant")
                try await controller.expectOnly([alpha.id, try #require(grant.engine)])
            }
        }

        @Test func shutdownTakesThemBack() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                let executor = try UserExecutor(controller.folder, workers: 2)
                _ = try await executor.ready()
                try await controller.stop()
                #expect(try await executor.process.waitForEnd() == UserExecutor.End.revoked)
            }
        }

        /// What the issue is done with: all kinds of engines share one pool, and come and go in any order.
        @Test func allKindsShareOnePool() async throws {
            let models: [TestModel] = [
                .remote("pair", workers: 2), .remote("one"), .remote("two"), TestModel("inside"),
            ]
            try await withController(.init(models, templates: false)) { controller in
                let orders = [
                    ["pair", "one", "mine", "two", "inside"], ["mine", "inside", "two", "pair", "one"],
                    ["one", "two", "inside", "mine", "pair"],
                ]
                for (making, ending) in zip(orders, orders.dropFirst() + orders.prefix(1)) {
                    var mine: (executor: UserExecutor, ready: UserExecutor.Ready)?
                    for name in making {
                        if name == "mine" {
                            let executor = try UserExecutor(controller.folder, workers: 2)
                            mine = (executor, try await executor.ready())
                        } else {
                            #expect(try await controller.ask(name, tokens: 2).succeeded().answer() == "\(name): one")
                        }
                    }
                    let engines = try await controller.engines()
                    #expect(engines.count == 5)
                    let leased = engines.flatMap(\.workers)
                    #expect(leased.count == 6 && Set(leased).count == 6)
                    for name in ending {
                        if name == "mine", let user = mine {
                            user.executor.process.send(SIGTERM)
                            _ = try await user.executor.process.waitForEnd()
                            try await controller.expectGivenBack(user.ready)
                        } else {
                            _ = try await controller.unload(name)
                        }
                    }
                    #expect(try await controller.engines().isEmpty)
                    try await controller.awaitIdlePool(of: 2)
                }
            }
        }
    }
}

extension RunningController {
    /// Waits until these engines alone are there, and no others have workers.
    fileprivate func expectOnly(_ engines: Set<String>) async throws {
        try await eventually("only \(engines.sorted()) have workers") {
            let holders = Set(try await pool().filter { $0.state != "retired" }.compactMap(\.engine))
            return try await Set(self.engines().map(\.id)) == engines && holders.isSubset(of: engines)
        }
    }

    /// Waits until the engine is gone, and each of its workers is idle or gone.
    fileprivate func expectGivenBack(_ lease: UserExecutor.Ready) async throws {
        try await eventually("\(lease.engine) has given its workers back") {
            guard try await !engines().contains(where: { $0.id == lease.engine }) else { return false }
            let pool = try await pool()
            return lease.workers.allSatisfy { worker in
                pool.first { $0.id == worker.process }.map { $0.state == "idle" } ?? !ProcessTable.isAlive(worker.pid)
            }
        }
    }
}
