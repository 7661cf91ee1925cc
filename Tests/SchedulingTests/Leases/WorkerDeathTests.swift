import Scheduling
import Testing

/// A worker's death costs its engine, and nobody else.
@Suite struct WorkerDeathTests {
    private var harness = PoolHarness()

    @Test mutating func itBreaksItsLeaseAndTheOthersAreReset() throws {
        let workers = harness.addWorkers(4)
        let lease = try harness.grant(1, size: 3)
        try harness.grant(2)
        let decided = harness.send(.gone(workers[1], reason: "killed by signal 9"))
        #expect(decided.ends == [.broken(reason: "its worker 1 of rank 1 (\(workers[1])) is gone: killed by signal 9")])
        #expect(decided.resets == [workers[0], workers[2]])
        #expect(decided.returned.isEmpty)
        #expect(harness.phase(of: 2) == .granted)
        harness.finishReset(workers[0], lease)
        harness.finishReset(workers[2], lease)
        #expect(harness.actions.returned == [lease.engine])
    }

    @Test mutating func theLastOneOfALeaseEndsItAtOnce() throws {
        let worker = harness.addWorkers(1)[0]
        let lease = try harness.grant(1)
        let decided = harness.send(.gone(worker, reason: "killed"))
        #expect(decided.ends.count == 1)
        #expect(decided.last == .returned(lease.engine, lease.generation))
        #expect(harness.pool.executors.isEmpty)
    }

    @Test mutating func whoWaitsForItsAnswerIsTold() throws {
        let workers = harness.addWorkers(2)
        try harness.lease(1, size: 2)
        harness.register(1)
        harness.ask(1, size: 2)
        let reasons = harness.send(.gone(workers[0], reason: "killed")).reasons
        #expect(reasons == ["the lease of e-1 is over: its worker 0 of rank 0 (\(workers[0])) is gone: killed"])
    }

    @Test mutating func aSecondDeathBreaksNothingMore() throws {
        let workers = harness.addWorkers(2)
        let lease = try harness.grant(1, size: 2)
        harness.send(.gone(workers[0], reason: "killed"))
        let decided = harness.send(.gone(workers[1], reason: "killed"))
        #expect(decided == [.returned(lease.engine, lease.generation)])
    }

    @Test mutating func whileItIsRevokedItIsNoFailure() throws {
        let workers = harness.addWorkers(2)
        let lease = try harness.grant(1, size: 2)
        harness.send(.revoke(lease.engine, lease.generation))
        #expect(harness.send(.gone(workers[0], reason: "killed")).ends == [.revoked])
    }

    @Test mutating func oneThatIsDismissedBreaksItsLease() throws {
        let workers = harness.addWorkers(2)
        try harness.grant(1, size: 2)
        let decided = harness.send(.dismiss(workers[0], reason: "shutdown"))
        #expect(decided.retired == [workers[0]])
        #expect(decided.ends == [.broken(reason: "its worker 0 of rank 0 (\(workers[0])) was dismissed: shutdown")])
        #expect(decided.resets == [workers[1]])
    }
}
