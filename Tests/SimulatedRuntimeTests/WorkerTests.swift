import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    /// Workers, with the test as their controller and executor.
    @Suite struct WorkerTests {
        /// What a worker's memory may differ by without any reason.
        private static let tolerance = 4 << 20
        private static let newer = WireGeneration(epoch: 4, counter: 10)

        private func reason(_ answer: ControlMessage) throws -> String {
            guard case .failed(let failed) = answer else { throw TestFailure("not refused: \(answer)") }
            return failed.reason
        }

        private func attached(_ worker: LeasedWorker, rank: Int = 0) throws -> WorkerSocket {
            let socket = try WorkerSocket(worker)
            let answer = try socket.attach(rank: rank)
            guard answer == ["type": "attached"] else { throw TestFailure("not attached: \(answer)") }
            return socket
        }

        @Test func itsSocketIsThereWhenItSaysHello() throws {
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            let mode = try FileManager.default.attributesOfItem(atPath: worker.socket)[.posixPermissions]
            #expect(mode as? Int == 0o600)
            #expect(try runtime.owned(by: "p-21") > 100_000)
        }

        @Test func itSaysHowItIsToBeReset() throws {
            let inPlace = (["SIM_RESET_TOLERANCE_BYTES=4096"], WireReset(toleranceBytes: 4096))
            for (environment, reset) in [([], nil), inPlace] {
                let runtime = try RuntimeUnderTest(environment: environment)
                _ = try runtime.hello(from: "p-1")
                let socket = runtime.folder.appendingPathComponent("p-21.sock").path
                _ = try runtime.requestFork("p-21", .worker, socket: socket)
                #expect(try runtime.hello(from: "p-21").reset == reset)
            }
        }

        @Test func itMayBeUnableToTellWhatItOwns() throws {
            let runtime = try RuntimeUnderTest(environment: ["SIM_MEMORY_UNKNOWN=1"])
            _ = try runtime.workers("p-21")
            #expect(try runtime.ping("p-21").privateBytes == nil)
        }

        @Test func aZygoteMakesItOnlyWithASocket() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            #expect(try reason(runtime.requestFork("p-21", .worker)).contains("needs a socket"))
            let relative = try runtime.requestFork("p-21", .worker, socket: "w.sock")
            #expect(try reason(relative).contains("not an absolute path"))
            #expect(try reason(runtime.requestFork("p-21", .executor)).contains("no process of its own"))
        }

        @Test func aSocketThatCannotBeMadeEndsIt() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            guard case .forked = try runtime.requestFork("p-21", .worker, socket: "/nowhere/w.sock") else {
                Issue.record("not forked")
                return
            }
            #expect(try runtime.exit(of: "p-21").status == 1)
        }

        @Test func anEngineLeavesNothingBehind() throws {
            let bytes = 96 << 20
            let cache = 32 << 20
            let arguments: [String: JSONValue] = [
                "sim-memory-bytes": .integer(bytes), "sim-cache-bytes": .integer(cache), "sim-load-ms": 60,
            ]
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            let baseline = try runtime.owned(by: "p-21")
            for counter in 1...3 {
                let generation = WireGeneration(epoch: 4, counter: counter)
                try runtime.lease("p-21", generation)
                let socket = try WorkerSocket(worker)
                #expect(try socket.attach(generation, rank: 1) == ["type": "attached"])
                let start = ContinuousClock.now
                // Rank 1 of 2: half of everything.
                try socket.stage("load", arguments, worldSize: 2)
                #expect(ContinuousClock.now - start >= .milliseconds(60))
                try socket.stage("kv_cache", arguments, worldSize: 2)
                try socket.send(["type": "step"])
                #expect(try socket.receive() == ["type": "done"])
                let busy = try runtime.ping("p-21")
                #expect(busy.cacheBytes == cache / 2)
                let owned = try #require(busy.privateBytes)
                #expect(abs(owned - baseline - (bytes + cache) / 2) < Self.tolerance)
                #expect(busy.progress == 3 * counter)
                let life = try runtime.ping("p-21", memory: false)
                #expect(life == Pong(re: life.re, progress: busy.progress, privateBytes: nil, cacheBytes: 0))

                try runtime.reset("p-21", generation)
                #expect(socket.isClosedByWorker())
                #expect(try runtime.ping("p-21").cacheBytes == 0)
                #expect(try runtime.owned(by: "p-21") - baseline < Self.tolerance)
            }
        }

        @Test func onlyWhomItIsLeasedToMayAttach() throws {
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            func refusal(_ engine: String = RuntimeUnderTest.engine, counter: Int = 9) throws -> String {
                let socket = try WorkerSocket(worker)
                let answer = try socket.attach(WireGeneration(epoch: 4, counter: counter), engine: engine)
                #expect(answer["type"] == "refused")
                #expect(socket.isClosedByWorker())
                guard case .string(let reason) = answer["reason"] else { throw TestFailure("no reason: \(answer)") }
                return reason
            }

            #expect(try refusal() == "not leased")
            try runtime.lease("p-21", to: 1)
            #expect(try refusal().contains("leased to pid 1"))
            try runtime.reset("p-21")
            try runtime.lease("p-21")
            #expect(try refusal("e-2").contains("not to e-2"))
            #expect(try refusal(counter: 8).contains("not to e-1, generation 4.8"))
            let socket = try attached(worker)
            #expect(try refusal().contains("already"))
            try socket.stage("load")
            try runtime.reset("p-21")
            #expect(try refusal() == "not leased")
        }

        @Test func nothingButAnAttachComesFirst() throws {
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            try runtime.lease("p-21")
            let hasty = try WorkerSocket(worker)
            try hasty.sendStage("load")
            #expect(try hasty.receive()["reason"] == "'attach' comes first")
            #expect(hasty.isClosedByWorker())
            let strange = try WorkerSocket(worker)
            try strange.send(["type": "pickle"])
            #expect(strange.isClosedByWorker())
            // Neither has used up the lease.
            _ = try attached(worker)
        }

        @Test func aLeaseIsForOneAndAnOldOneForNobody() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.workers("p-21")
            try runtime.reset("p-21")
            try runtime.lease("p-21")
            #expect(try reason(runtime.requestLease(of: "p-21")).contains("not idle: e-1"))
            #expect(try reason(runtime.requestLease(of: "p-21", Self.newer)).contains("not idle"))
            #expect(try reason(runtime.requestReset(of: "p-21", Self.newer)).contains("not to generation 4.10"))
            try runtime.reset("p-21")
            try runtime.lease("p-21", Self.newer)
            #expect(try reason(runtime.requestReset(of: "p-21")).contains("leased to generation 4.10"))
            try runtime.reset("p-21", Self.newer)
            #expect(try reason(runtime.requestLease(of: "p-21")).contains("generation 4.9 is old"))
        }

        @Test func itTellsWhoseItIsWhenItDialsAgain() throws {
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            try runtime.lease("p-21")
            let socket = try attached(worker)
            runtime.controller.close()
            // The executor does not notice.
            try socket.stage("load")
            try runtime.controller.open()
            let hello = try runtime.hello(from: "p-21")
            #expect(hello.role == .worker)
            #expect(hello.state == .assigned)
            #expect(hello.engine == RuntimeUnderTest.engine)
            #expect(hello.generation == RuntimeUnderTest.generation)
            try runtime.reset("p-21")
            runtime.controller.close()
            try runtime.controller.open()
            #expect(try runtime.hello(from: "p-21").state == .idle)
        }

        @Test func aResetEndsALoad() throws {
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            let baseline = try runtime.owned(by: "p-21")
            try runtime.lease("p-21")
            let socket = try attached(worker)
            let bytes = 64 << 20
            try socket.sendStage("load", ["sim-load-ms": 60_000, "sim-memory-bytes": .integer(bytes)])
            let start = ContinuousClock.now
            // Pings are answered meanwhile.
            while try runtime.owned(by: "p-21") < baseline + bytes {
                try #require(ContinuousClock.now - start < .seconds(TestController.patience))
            }
            try runtime.reset("p-21")
            #expect(ContinuousClock.now - start < .seconds(TestController.patience))
            #expect(try runtime.owned(by: "p-21") - baseline < Self.tolerance)
            #expect(socket.isClosedByWorker())
        }

        @Test func whatAnExecutorLeavesStaysUntilTheReset() throws {
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            try runtime.lease("p-21")
            let bytes = 64 << 20
            do {
                let socket = try attached(worker)
                try socket.stage("load", ["sim-memory-bytes": .integer(bytes)])
            }
            #expect(try runtime.owned(by: "p-21") > bytes)
            #expect(try reason(runtime.requestLease(of: "p-21", Self.newer)).contains("not idle"))
            try runtime.reset("p-21")
            #expect(try runtime.owned(by: "p-21") < bytes)
            try runtime.lease("p-21", Self.newer)
        }

        @Test func itStopsAndEndsAlone() throws {
            let runtime = try RuntimeUnderTest(orphanTimeoutMilliseconds: 500)
            let workers = try runtime.workers("p-21", "p-22")
            guard case .done = try runtime.stop("p-21") else {
                Issue.record("the worker did not stop")
                return
            }
            #expect(try runtime.exit(of: "p-21").status == 0)
            runtime.controller.close()
            #expect(hasEnded(workers[1].pidfd))
        }
    }
}
