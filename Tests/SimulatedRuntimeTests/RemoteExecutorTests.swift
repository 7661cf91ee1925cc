import CPlatform
import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    /// Engines whose core leases workers.
    @Suite struct RemoteExecutorTests {
        /// Two workers, and an engine that runs on them; its start is awaited.
        private func serving(
            _ runtime: RuntimeUnderTest, _ arguments: [String: JSONValue] = [:]
        ) throws -> (workers: [(leased: LeasedWorker, pidfd: Int32)], frontEnd: Int32, core: Int32) {
            let workers = try runtime.workers("p-21", "p-22")
            let engine = try runtime.startRemoteEngine(arguments, worldSize: 2)
            try runtime.grant(workers.map(\.leased), to: try corePid(runtime))
            try runtime.awaitReady()
            return (workers, engine.frontEnd, engine.core)
        }

        private func corePid(_ runtime: RuntimeUnderTest) throws -> Int {
            try runtime.hello(from: RuntimeUnderTest.executor).pid
        }

        private func failure(_ runtime: RuntimeUnderTest) throws -> Stage {
            try runtime.controller.next(from: "p-3") { message -> Stage? in
                if case .stage(let stage) = message, stage.error != nil { stage } else { nil }
            }
        }

        @Test func itLeasesLoadsAndServes() throws {
            let bytes = 96 << 20
            let runtime = try RuntimeUnderTest()
            let workers = try runtime.workers("p-21", "p-22")
            try runtime.startRemoteEngine(["sim-memory-bytes": .integer(bytes), "sim-load-ms": 60], worldSize: 2)

            let hello = try runtime.hello(from: RuntimeUnderTest.executor)
            #expect(hello.process == "p-3")
            #expect(hello.epoch == 4)
            #expect(hello.runtime == "simulated")
            #expect(hello.state == .idle)
            #expect(hello.engine == RuntimeUnderTest.engine)
            #expect(hello.generation == RuntimeUnderTest.generation)
            let request = try runtime.leaseRequest()
            #expect(request.worldSize == 2)
            #expect(request.model == "small")
            #expect(request.deviceType == .cpu)
            #expect(request.versions == ["simulated-runtime": "1"])
            for worker in workers { try runtime.lease(worker.leased.process, to: hello.pid) }
            try runtime.controller.send(
                .leaseGrant(
                    LeaseGrant(
                        re: request.id, engine: RuntimeUnderTest.engine, generation: RuntimeUnderTest.generation,
                        workers: workers.map(\.leased))),
                to: RuntimeUnderTest.executor)

            let stages = try runtime.stages()
            #expect(stages.core.map(\.stage) == ["config", "attach", "load", "kv_cache", "warm_up"])
            #expect(stages.core.allSatisfy { $0.error == nil })
            #expect(stages.core[2].milliseconds >= 60)
            #expect(try runtime.ask() == 200)
            for process in ["p-21", "p-22"] {
                #expect((bytes / 2..<bytes).contains(try runtime.owned(by: process)))
            }
            #expect(try runtime.owned(by: "p-3") < bytes / 2)
            // One request, one step; it may come after the answer.
            let deadline = ContinuousClock.now + .seconds(TestController.patience)
            while try runtime.ping("p-21").progress < 3 { try #require(ContinuousClock.now < deadline) }
            #expect(try runtime.ping(RuntimeUnderTest.executor).progress > 0)
        }

        @Test func aTemplatesWeightsAreNotItsWorkers() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-load-ms": 80], weights: true)
            _ = try runtime.prepared()
            let worker = try runtime.worker("p-21")
            try runtime.startRemoteEngine(from: "p-9")
            try runtime.grant([worker.leased], to: try corePid(runtime))
            let core = try runtime.stages().core
            #expect(core.map(\.stage) == ["config", "attach", "load", "kv_cache", "warm_up"])
            #expect(core[0].milliseconds == 0)
            #expect(core[1].milliseconds > 0)
            #expect(core[2].milliseconds >= 80)
        }

        @Test func onlyARemoteExecutorHasSeveralWorkers() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            let frontEnd = try runtime.fork("p-2", .frontEnd)
            _ = try runtime.fork("p-3", .core)
            for (executor, worldSize) in [(nil, 2), (.inProcess, 2), (.remote, 0)] as [(WireExecutor?, Int)] {
                let answer = try runtime.assign(
                    "p-3", peer: frontEnd.pid, [:], executor: executor, worldSize: worldSize)
                guard case .failed(let failed) = answer else {
                    Issue.record("world size \(worldSize) was accepted")
                    return
                }
                #expect(failed.reason.contains("world size \(worldSize)"))
            }
        }

        @Test func whenStoppedItGivesItsWorkersBack() throws {
            let runtime = try RuntimeUnderTest()
            _ = try serving(runtime)
            let stop = runtime.controller.nextID()
            try runtime.controller.send(.stop(Stop(id: stop, deadlineMilliseconds: 5000)), to: "p-3")
            // The other one is stopped at the same time, and may be the first to end.
            let release = try runtime.leaseRelease {
                guard case .done = try runtime.stop("p-2") else { throw TestFailure("the front end did not stop") }
            }
            #expect(release.engine == RuntimeUnderTest.engine)
            #expect(release.generation == RuntimeUnderTest.generation)
            guard case .done = try runtime.answer(to: stop, from: "p-3") else {
                Issue.record("the core did not stop")
                return
            }
            #expect(try runtime.exit(of: "p-3").status == 0)
            for process in ["p-21", "p-22"] { try runtime.reset(process) }
        }

        @Test func aRefusedLeaseFailsTheStart() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.workers()
            try runtime.startRemoteEngine(worldSize: 4)
            let refused = LeaseRefused(re: try runtime.leaseRequest().id, reason: "4 asked for, 2 there")
            try runtime.controller.send(.leaseRefused(refused), to: RuntimeUnderTest.executor)
            let stage = try failure(runtime)
            #expect(stage.stage == "attach")
            #expect(stage.error == "no workers: 4 asked for, 2 there")
            #expect(try runtime.exit(of: "p-3").status == 1)
            #expect(try runtime.exit(of: "p-2").status == 5)
        }

        @Test func aWorkerThatIsNotItsOwnFailsTheStart() throws {
            let runtime = try RuntimeUnderTest()
            let workers = try runtime.workers("p-21", "p-22").map(\.leased)
            try runtime.startRemoteEngine(worldSize: 2)
            let pid = try corePid(runtime)
            let request = try runtime.leaseRequest()
            try runtime.lease("p-21", to: pid)
            try runtime.lease("p-22", to: 1)
            let grant = LeaseGrant(
                re: request.id, engine: RuntimeUnderTest.engine, generation: RuntimeUnderTest.generation,
                workers: workers)
            try runtime.controller.send(.leaseGrant(grant), to: RuntimeUnderTest.executor)
            // What it has is given back before it ends.
            #expect(try runtime.leaseRelease().generation == RuntimeUnderTest.generation)
            let stage = try failure(runtime)
            #expect(stage.stage == "attach")
            #expect(stage.error?.hasPrefix("worker p-22 of rank 1: refused: leased to pid 1") == true)
        }

        @Test func aWorkerThatDiesInLoadFailsTheStart() throws {
            let runtime = try RuntimeUnderTest()
            let workers = try runtime.workers("p-21", "p-22").map(\.leased)
            let arguments: [String: JSONValue] = ["sim-worker-crash-at": .string("load"), "sim-load-ms": 60_000]
            try runtime.startRemoteEngine(arguments, worldSize: 2)
            try runtime.grant(workers, to: try corePid(runtime))
            let stage = try failure(runtime)
            #expect(stage.stage == "load")
            #expect(stage.error == "worker p-22 of rank 1: the connection ended")
            #expect(try runtime.exit(of: "p-22").signal == 9)
            #expect(try runtime.exit(of: "p-3").status == 1)
            // The other one was not waited for, and can be used again.
            try runtime.reset("p-21")
        }

        @Test func withAWorkerTheEngineEnds() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try serving(runtime, ["sim-tokens-per-second": 100])
            let connection = try HTTPConnection(runtime.socket)
            try connection.send("POST", "/v1/completions", #"{"prompt":"x","max_tokens":100000}"#)
            #expect(wc_pidfd_signal(engine.workers[0].pidfd, SIGKILL) == 0)
            #expect(connection.isClosedByServer())
            #expect(try runtime.exit(of: "p-3").status == 1)
            #expect(try runtime.exit(of: "p-2").status == 5)
            try runtime.reset("p-22")
        }

        @Test func aWorkerMayDieInMidStep() throws {
            let runtime = try RuntimeUnderTest()
            // No answer comes before the crash.
            let arguments: [String: JSONValue] = ["sim-worker-crash-after-steps": 2, "sim-first-token-ms": 60_000]
            _ = try serving(runtime, arguments)
            let connections = try (0..<2).map { _ in try HTTPConnection(runtime.socket) }
            for connection in connections {
                try connection.send("POST", "/v1/completions", #"{"prompt":"x"}"#)
            }
            #expect(try runtime.exit(of: "p-22").signal == 9)
            #expect(try runtime.exit(of: "p-3").status == 1)
            for connection in connections { #expect(connection.isClosedByServer()) }
        }

        @Test func itsDeathIsTheEndOfItsLease() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try serving(runtime)
            #expect(wc_pidfd_signal(engine.core, SIGKILL) == 0)
            try runtime.controller.awaitEnd(of: RuntimeUnderTest.executor)
            for process in ["p-21", "p-22"] { try runtime.reset(process) }
        }

        @Test func itServesOnWhenItsConnectionEnds() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try serving(runtime)
            runtime.controller.drop(RuntimeUnderTest.executor)
            try runtime.controller.awaitEnd(of: RuntimeUnderTest.executor)
            #expect(try runtime.ask() == 200)
            // It takes the workers' end for what it is.
            try runtime.reset("p-21")
            #expect(hasEnded(engine.core))
        }

        @Test func itsWorkersMayBeTakenAway() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try serving(runtime)
            guard case .failed = try runtime.revoke(WireGeneration(epoch: 4, counter: 8)) else {
                Issue.record("another lease was revoked")
                return
            }
            #expect(try runtime.ask() == 200)
            guard case .done = try runtime.revoke() else {
                Issue.record("the lease was not revoked")
                return
            }
            #expect(try runtime.exit(of: "p-3").status == 1)
            #expect(hasEnded(engine.frontEnd))
            for process in ["p-21", "p-22"] { try runtime.reset(process) }
        }
    }
}
