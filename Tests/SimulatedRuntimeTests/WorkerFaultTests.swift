import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    /// How workers fail when a test wants them to.
    @Suite struct WorkerFaultTests {
        /// Leases p-21 and attaches to it.
        private func attached(_ runtime: RuntimeUnderTest, rank: Int = 0) throws -> WorkerSocket {
            let worker = try runtime.workers("p-21")[0].leased
            try runtime.lease("p-21")
            let socket = try WorkerSocket(worker)
            #expect(try socket.attach(rank: rank) == ["type": "attached"])
            return socket
        }

        /// Sends a reset, and sees to it that it is not answered before a ping that comes later.
        private func isNeverAnswered(
            _ runtime: RuntimeUnderTest, _ process: String, _ make: (Int) -> ControlMessage
        ) throws -> Bool {
            let id = runtime.controller.nextID()
            try runtime.controller.send(make(id), to: process)
            let first = try (0..<2).map { _ in
                let ping = runtime.controller.nextID()
                try runtime.controller.send(.ping(Ping(id: ping, deadlineMilliseconds: 5000)), to: process)
                let answer = try runtime.controller.next(from: process) { $0.answeredID.map { ($0, ping) } }
                return answer.0 == answer.1
            }
            return first == [true, true]
        }

        @Test func someNeverAnswerALease() throws {
            let runtime = try RuntimeUnderTest(environment: ["SIM_LEASE_HANG=1"])
            _ = try runtime.workers("p-21", "p-22")
            #expect(
                try isNeverAnswered(runtime, "p-21") {
                    .lease(
                        Lease(
                            id: $0, deadlineMilliseconds: 100, engine: RuntimeUnderTest.engine,
                            generation: RuntimeUnderTest.generation, executorPid: 1, cores: []))
                })
            try runtime.lease("p-22")
        }

        @Test func aResetMayNeverBeAnswered() throws {
            let runtime = try RuntimeUnderTest()
            let socket = try attached(runtime)
            try socket.stage("load", ["sim-reset-hang": .bool(true)])
            #expect(
                try isNeverAnswered(runtime, "p-21") {
                    .reset(Reset(id: $0, deadlineMilliseconds: 100, generation: RuntimeUnderTest.generation))
                })
            guard case .failed = try runtime.requestLease(of: "p-21") else {
                Issue.record("it was leased again")
                return
            }
        }

        @Test func aResetMayFail() throws {
            let runtime = try RuntimeUnderTest()
            let socket = try attached(runtime)
            try socket.stage("load", ["sim-reset-fail": .bool(true), "sim-reset-ms": 60])
            let start = ContinuousClock.now
            guard case .failed(let failed) = try runtime.requestReset(of: "p-21") else {
                Issue.record("the reset did not fail")
                return
            }
            #expect(failed.reason == "sim-reset-fail")
            #expect(ContinuousClock.now - start >= .milliseconds(60))
            #expect(socket.isClosedByWorker())
            guard case .failed = try runtime.requestLease(of: "p-21") else {
                Issue.record("it was leased again")
                return
            }
        }

        @Test func memoryMayNotComeBack() throws {
            let bytes = 48 << 20
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            let baseline = try runtime.owned(by: "p-21")
            for round in 1...2 {
                try runtime.lease("p-21")
                let socket = try WorkerSocket(worker)
                #expect(try socket.attach() == ["type": "attached"])
                try socket.stage("load", ["sim-reset-keeps-bytes": .integer(bytes)])
                try runtime.reset("p-21")
                #expect(try runtime.owned(by: "p-21") - baseline >= round * bytes)
            }
        }

        @Test(arguments: [("load", "sim-worker-crash-at"), ("kv_cache", "sim-worker-crash-at")])
        func itMayDieInAStage(_ stage: String, _ argument: String) throws {
            let runtime = try RuntimeUnderTest()
            let socket = try attached(runtime)
            try socket.sendStage(stage, [argument: .string(stage)])
            #expect(socket.isClosedByWorker())
            #expect(try runtime.exit(of: "p-21").signal == 9)
        }

        @Test func itMayFailInAStage() throws {
            let runtime = try RuntimeUnderTest()
            let socket = try attached(runtime)
            try socket.sendStage("load", ["sim-worker-fail-at": .string("load")])
            #expect(try socket.receive() == ["type": "failed", "reason": "sim-worker-fail-at: load"])
            try socket.sendStage("load", ["sim-worker-fail-at": .string("warm_up")])
            guard case .string(let reason) = try socket.receive()["reason"] else {
                Issue.record("the argument was taken")
                return
            }
            #expect(reason.contains("give one of load, kv_cache"))
            try runtime.reset("p-21")
        }

        @Test func itMayHangInAStageAndIsResetAllTheSame() throws {
            let runtime = try RuntimeUnderTest()
            let socket = try attached(runtime)
            try socket.sendStage("load", ["sim-worker-hang-at": .string("load")])
            #expect(try runtime.ping("p-21").progress == 0)
            try runtime.reset("p-21")
            #expect(socket.isClosedByWorker())
        }

        @Test func itMayDieInMidStep() throws {
            let runtime = try RuntimeUnderTest()
            let socket = try attached(runtime)
            try socket.stage("load", ["sim-worker-crash-after-steps": 2])
            try socket.send(["type": "step"])
            #expect(try socket.receive() == ["type": "done"])
            try socket.send(["type": "step"])
            #expect(socket.isClosedByWorker())
            #expect(try runtime.exit(of: "p-21").signal == 9)
        }

        @Test func onlyTheLastRankMisbehaves() throws {
            let runtime = try RuntimeUnderTest()
            let socket = try attached(runtime, rank: 0)
            let arguments: [String: JSONValue] = [
                "sim-worker-crash-at": .string("load"), "sim-worker-crash-after-steps": 1,
            ]
            try socket.stage("load", arguments, worldSize: 2)
            try socket.send(["type": "step"])
            #expect(try socket.receive() == ["type": "done"])
        }
    }
}
