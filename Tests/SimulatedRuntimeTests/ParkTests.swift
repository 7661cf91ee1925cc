import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    /// Engines that give their workers back and keep their front ends.
    @Suite struct ParkTests {
        private static let later = WireGeneration(epoch: 4, counter: 12)

        /// An engine that serves, on p-21.
        private func serving(
            _ runtime: RuntimeUnderTest, _ arguments: [String: JSONValue] = [:]
        ) throws -> (worker: LeasedWorker, corePid: Int) {
            let worker = try runtime.workers("p-21")[0].leased
            try runtime.startRemoteEngine(arguments)
            let pid = try runtime.hello(from: RuntimeUnderTest.executor).pid
            try runtime.grant([worker], to: pid)
            try runtime.awaitReady()
            return (worker, pid)
        }

        private func park(_ runtime: RuntimeUnderTest) throws -> LeaseRelease {
            let id = try runtime.sendPark()
            let release = try runtime.leaseRelease()
            let answer = try runtime.answer(to: id, from: "p-2")
            guard case .done = answer else { throw TestFailure("not parked: \(answer)") }
            return release
        }

        private func reason(_ answer: ControlMessage) throws -> String {
            guard case .failed(let failed) = answer else { throw TestFailure("not refused: \(answer)") }
            return failed.reason
        }

        @Test func itParksAndGetsOtherWorkers() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try serving(runtime, ["sim-memory-bytes": .integer(48 << 20)])
            #expect(try runtime.ask() == 200)
            #expect(try park(runtime).generation == RuntimeUnderTest.generation)
            try runtime.reset("p-21")
            // A request now is a mistake of the controller's.
            #expect(try runtime.ask() == 500)

            let other = try runtime.worker("p-22").leased
            let id = try runtime.sendUnpark()
            // On the same connection, in another generation.
            try runtime.grant([other], to: engine.corePid, Self.later)
            guard case .done = try runtime.answer(to: id, from: "p-2") else {
                Issue.record("not unparked")
                return
            }
            // Its start's stages are told again, as far as they were its workers'.
            let stages = try (0..<9).map { _ in try runtime.nextStage(of: "p-3") }
            let start = ["config", "attach", "load", "kv_cache", "warm_up"]
            #expect(stages.map(\.stage) == start + start.dropFirst())
            #expect(stages.allSatisfy { $0.generation == RuntimeUnderTest.generation && $0.error == nil })
            #expect(try runtime.ask() == 200)
            #expect(try runtime.owned(by: "p-22") >= 48 << 20)
            #expect(try runtime.owned(by: "p-21") < 48 << 20)
            #expect(try park(runtime).generation == Self.later)
        }

        @Test func pingsAreAnsweredWhileItLoadsAgain() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try serving(runtime, ["sim-load-ms": 400])
            _ = try park(runtime)
            try runtime.reset("p-21")
            let start = ContinuousClock.now
            let id = try runtime.sendUnpark()
            try runtime.grant([engine.worker], to: engine.corePid)
            for process in ["p-2", "p-3", "p-21", RuntimeUnderTest.executor] { _ = try runtime.ping(process) }
            #expect(ContinuousClock.now - start < .milliseconds(400))
            guard case .done = try runtime.answer(to: id, from: "p-2") else {
                Issue.record("not unparked")
                return
            }
            #expect(ContinuousClock.now - start >= .milliseconds(400))
            let loads = try (0..<9).map { _ in try runtime.nextStage(of: "p-3") }.filter { $0.stage == "load" }
            #expect(loads.map { $0.milliseconds >= 400 } == [true, true])
        }

        @Test func withoutWorkersItStaysParked() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try serving(runtime)
            _ = try park(runtime)
            try runtime.reset("p-21")
            var id = try runtime.sendUnpark()
            let refused = LeaseRefused(re: try runtime.leaseRequest().id, reason: "1 asked for, none there")
            try runtime.controller.send(.leaseRefused(refused), to: RuntimeUnderTest.executor)
            #expect(try reason(runtime.answer(to: id, from: "p-2")) == "no workers: 1 asked for, none there")
            #expect(try runtime.ask() == 500)

            id = try runtime.sendUnpark()
            try runtime.grant([engine.worker], to: engine.corePid)
            guard case .done = try runtime.answer(to: id, from: "p-2") else {
                Issue.record("not unparked")
                return
            }
            #expect(try runtime.ask() == 200)
        }

        @Test func itDialsAnewWhereItsConnectionIsGone() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try serving(runtime)
            _ = try park(runtime)
            try runtime.reset("p-21")
            runtime.controller.drop(RuntimeUnderTest.executor)
            try runtime.controller.awaitEnd(of: RuntimeUnderTest.executor)
            let id = try runtime.sendUnpark()
            #expect(try runtime.hello(from: RuntimeUnderTest.executor).pid == engine.corePid)
            try runtime.grant([engine.worker], to: engine.corePid)
            guard case .done = try runtime.answer(to: id, from: "p-2") else {
                Issue.record("not unparked")
                return
            }
        }

        @Test func onlyOneWithLeasedWorkersParks() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine()
            try runtime.awaitReady()
            #expect(try reason(runtime.answer(to: runtime.sendPark(), from: "p-2")).contains("no leased workers"))
            #expect(try reason(runtime.answer(to: runtime.sendUnpark(), from: "p-2")).contains("cannot unpark"))
            #expect(try runtime.ask() == 200)
        }

        @Test func aLostWorkerOfBeforeIsNoLoss() throws {
            let runtime = try RuntimeUnderTest()
            _ = try serving(runtime)
            _ = try park(runtime)
            guard case .done = try runtime.stop("p-21") else {
                Issue.record("the worker did not stop")
                return
            }
            #expect(try runtime.exit(of: "p-21").status == 0)
            #expect(try runtime.ping("p-3").re > 0)
        }
    }
}
