import CPlatform
import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    /// `simulated-runtime executor`: the stand-in for a vLLM that a user has started.
    @Suite struct UserExecutorTests {
        private static let name = UserExecutorUnderTest.name

        /// An executor that has its workers and is ready.
        private func ready(
            _ runtime: RuntimeUnderTest, _ arguments: [String] = []
        ) throws -> (executor: UserExecutorUnderTest, workers: [(leased: LeasedWorker, pidfd: Int32)]) {
            let workers = try runtime.workers("p-21", "p-22")
            let executor = try UserExecutorUnderTest(runtime, ["--world-size", "2"] + arguments)
            _ = try runtime.hello(from: Self.name)
            try runtime.grant(workers.map(\.leased), to: executor.pid, of: Self.name)
            _ = try executor.ready()
            return (executor, workers)
        }

        @Test func itLeasesHoldsAndGivesBack() throws {
            let bytes = 64 << 20
            let runtime = try RuntimeUnderTest()
            let workers = try runtime.workers("p-21", "p-22").map(\.leased)
            let executor = try UserExecutorUnderTest(
                runtime, ["--world-size", "2", "--arguments", #"{"sim-memory-bytes":\#(bytes),"sim-load-ms":50}"#])
            let hello = try runtime.hello(from: Self.name)
            #expect(hello.role == .executor)
            #expect(hello.pid == executor.pid)
            #expect(hello.process.isEmpty && hello.epoch == 0 && hello.runtime.isEmpty)
            #expect(hello.engine == nil && hello.generation == nil && hello.state == .idle)

            let request = try runtime.leaseRequest(from: Self.name)
            #expect(request.worldSize == 2 && request.model == "mine" && request.footprintBytes == 1000)
            #expect(request.deviceType == .cpu)
            #expect(request.deadlineMilliseconds == 120_000)
            #expect(request.versions == ["simulated-runtime": "1"])
            for worker in workers { try runtime.lease(worker.process, to: executor.pid) }
            let grant = LeaseGrant(
                re: request.id, engine: RuntimeUnderTest.engine, generation: RuntimeUnderTest.generation,
                workers: workers)
            try runtime.controller.send(.leaseGrant(grant), to: Self.name)
            let ready = try executor.ready()
            #expect(ready.engine == RuntimeUnderTest.engine)
            #expect(ready.generation == RuntimeUnderTest.generation)
            #expect(ready.workers == workers)
            #expect(ready.leaseMilliseconds > 0)
            #expect(ready.readyMilliseconds > 50)
            #expect(try runtime.owned(by: "p-22") >= bytes / 2)
            executor.endInput()
            #expect(try runtime.leaseRelease(from: Self.name).generation == RuntimeUnderTest.generation)
            #expect(try executor.end() == 0)
            for process in ["p-21", "p-22"] { try runtime.reset(process) }
        }

        @Test func workersThatDoNotTakeItAreGivenBack() throws {
            let runtime = try RuntimeUnderTest()
            let worker = try runtime.workers("p-21")[0].leased
            let executor = try UserExecutorUnderTest(runtime)
            let request = try runtime.leaseRequest(from: Self.name)
            // To somebody else.
            try runtime.lease("p-21", to: 1)
            let grant = LeaseGrant(
                re: request.id, engine: RuntimeUnderTest.engine, generation: RuntimeUnderTest.generation,
                workers: [worker])
            try runtime.controller.send(.leaseGrant(grant), to: Self.name)
            _ = try runtime.leaseRelease(from: Self.name)
            #expect(try executor.end() == 7)
            #expect(executor.log.contains("worker p-21 of rank 0: refused"))
        }

        @Test func itGivesBackWhenItIsTerminated() throws {
            let runtime = try RuntimeUnderTest()
            let executor = try ready(runtime).executor
            executor.terminate()
            _ = try runtime.leaseRelease(from: Self.name)
            #expect(try executor.end() == 0)
        }

        @Test func itMayHoldForATime() throws {
            let runtime = try RuntimeUnderTest()
            let start = ContinuousClock.now
            let executor = try ready(runtime, ["--hold-ms", "300"]).executor
            executor.endInput()
            _ = try runtime.leaseRelease(from: Self.name)
            #expect(ContinuousClock.now - start >= .milliseconds(300))
            #expect(try executor.end() == 0)
        }

        @Test func whileItWaitsItCanBeTerminated() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.workers()
            let executor = try UserExecutorUnderTest(runtime)
            _ = try runtime.leaseRequest(from: Self.name)
            executor.terminate()
            #expect(try executor.end() == 0)
            try runtime.controller.awaitEnd(of: Self.name)
        }

        @Test func itDoesNotWaitBeyondItsDeadline() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.workers()
            let executor = try UserExecutorUnderTest(runtime, ["--deadline-ms", "100", "--runtime-version", "2"])
            let request = try runtime.leaseRequest(from: Self.name)
            #expect(request.deadlineMilliseconds == 100)
            #expect(request.versions == ["simulated-runtime": "2"])
            #expect(try executor.end() == 1)
            #expect(executor.log.contains("no answer in time to lease.request"))
        }

        @Test func withoutWorkersItSaysWhy() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.workers()
            let executor = try UserExecutorUnderTest(runtime, ["--device-type", "cuda"])
            let request = try runtime.leaseRequest(from: Self.name)
            #expect(request.deviceType == .cuda)
            let refused = LeaseRefused(re: request.id, reason: "1 asked for on cuda, none there")
            try runtime.controller.send(.leaseRefused(refused), to: Self.name)
            let line = try JSONDecoder().decode([String: String].self, from: executor.line())
            #expect(line == ["refused": "1 asked for on cuda, none there"])
            #expect(try executor.end() == 6)
        }

        @Test func refusedOrWithoutAControllerItEnds() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.workers()
            runtime.controller.refusal = "not today"
            let refused = try UserExecutorUnderTest(runtime)
            _ = try runtime.hello(from: Self.name)
            #expect(try refused.end() == 4)
            #expect(refused.log.contains("not today"))
            runtime.controller.close()
            let alone = try UserExecutorUnderTest(runtime)
            #expect(try alone.end() == 1)
            #expect(alone.log.contains("no controller at"))
        }

        @Test func withAWorkerItEnds() throws {
            let runtime = try RuntimeUnderTest()
            let (executor, workers) = try ready(runtime)
            #expect(wc_pidfd_signal(workers[1].pidfd, SIGKILL) == 0)
            #expect(try executor.end() == 7)
            try runtime.controller.awaitEnd(of: Self.name)
            try runtime.reset("p-21")
        }

        @Test func itsWorkersMayBeTakenAway() throws {
            let runtime = try RuntimeUnderTest()
            let executor = try ready(runtime).executor
            guard case .failed = try runtime.revoke(WireGeneration(epoch: 3, counter: 9), from: Self.name) else {
                Issue.record("another lease was revoked")
                return
            }
            guard case .done = try runtime.revoke(from: Self.name) else {
                Issue.record("the lease was not revoked")
                return
            }
            #expect(try executor.end() == 8)
            for process in ["p-21", "p-22"] { try runtime.reset(process) }
        }

        @Test(arguments: ["hello", "request", "grant", "attach", "load", "kv_cache", "ready", "step"])
        func itMayDieAtEachStage(_ stage: String) throws {
            let runtime = try RuntimeUnderTest()
            let workers = try runtime.workers("p-21", "p-22").map(\.leased)
            let executor = try UserExecutorUnderTest(runtime, ["--world-size", "2", "--die-at", stage])
            _ = try runtime.hello(from: Self.name)
            if stage != "hello" {
                let request = try runtime.leaseRequest(from: Self.name)
                if stage != "request" {
                    for worker in workers { try runtime.lease(worker.process, to: executor.pid) }
                    let grant = LeaseGrant(
                        re: request.id, engine: RuntimeUnderTest.engine, generation: RuntimeUnderTest.generation,
                        workers: workers)
                    try runtime.controller.send(.leaseGrant(grant), to: Self.name)
                }
            }
            #expect(try executor.end() == 256 + 9)
            if ["ready", "step"].contains(stage) { #expect(try executor.ready().workers == workers) }
            try runtime.controller.awaitEnd(of: Self.name)
            // Whatever it had of them, they are clean afterwards.
            for process in ["p-21", "p-22"] { try runtime.reset(process) }
        }
    }
}
