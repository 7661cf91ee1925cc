import Scheduling
import Testing

/// A worker that was used is idle again only if it is proven clean.
@Suite struct ResetTests {
    private var harness = PoolHarness()

    /// The engine has ended, and its workers are being reset.
    private mutating func endedLease(size: Int = 1, on device: DeviceID = .cuda) throws -> Lease {
        harness.addWorkers(size, on: device)
        let lease = try harness.grant(1, size: size, on: device)
        harness.send(.reclaim(lease.engine, lease.generation))
        return lease
    }

    @Test mutating func itIsResetThenMeasuredThenIdle() throws {
        let lease = try endedLease()
        let worker = lease.workers[0]
        #expect(harness.state(of: worker) == .resetting(lease, .clearing))
        #expect(harness.send(.resetDone(worker, lease.generation)) == [.measure(worker, lease.generation)])
        #expect(harness.state(of: worker) == .resetting(lease, .measuring))
        let decided = harness.send(.measured(worker, lease.generation, privateBytes: 110))
        #expect(decided == [.returned(lease.engine, lease.generation)])
        #expect(harness.state(of: worker) == .idle)
        #expect(harness.pool.canLease(harness.wish(2)))
    }

    @Test mutating func theBaselineStaysThatOfTheNewWorker() throws {
        let lease = try endedLease()
        let worker = lease.workers[0]
        harness.send(.resetDone(worker, lease.generation))
        harness.send(.measured(worker, lease.generation, privateBytes: 110))
        #expect(harness.pool.workers[worker]?.baselineBytes == 100)
        let second = try harness.grant(2)
        #expect(harness.pool.workers[worker]?.leaseCount == 2)
        harness.send(.reclaim(second.engine, second.generation))
        harness.send(.resetDone(worker, second.generation))
        harness.send(.measured(worker, second.generation, privateBytes: 111))
        #expect(harness.retirement(of: worker)?.cause == .memory)
    }

    @Test mutating func memoryThatDoesNotComeBackRetiresItWithTheArithmetic() throws {
        let lease = try endedLease()
        let worker = lease.workers[0]
        harness.send(.resetDone(worker, lease.generation))
        let decided = harness.send(.measured(worker, lease.generation, privateBytes: 1_111))
        let reason =
            "owns 1111 bytes after its reset for e-1: its baseline is 100, 10 more are allowed, and so it has 1001 "
            + "too many"
        #expect(decided == [.retire(worker, Retirement(cause: .memory, reason: reason, lease: lease))])
        #expect(!harness.pool.canLease(harness.wish(2)))
        // The engine's memory is free when the process is gone.
        let last = harness.send(.gone(worker, reason: "it was asked to"))
        #expect(last == [.returned(lease.engine, lease.generation)])
    }

    @Test mutating func oneThatCannotTellWhatItOwnsIsRetired() throws {
        let lease = try endedLease()
        let worker = lease.workers[0]
        harness.send(.resetDone(worker, lease.generation))
        let decided = harness.send(.measured(worker, lease.generation, privateBytes: nil))
        let reason = "cannot tell what it owns after its reset for e-1"
        #expect(decided == [.retire(worker, Retirement(cause: .memory, reason: reason, lease: lease))])
    }

    @Test mutating func oneThatNeverCouldIsUsedOnceAndNotReset() throws {
        let worker = harness.fork()
        harness.send(.idle(worker, privateBytes: nil, reset: .inPlace(toleranceBytes: 10)))
        let lease = try harness.grant(1)
        let decided = harness.send(.reclaim(lease.engine, lease.generation))
        #expect(decided.resets.isEmpty)
        #expect(decided.retired == [worker])
        #expect(harness.retirement(of: worker)?.cause == .memory)
        #expect(
            harness.retirement(of: worker)?.reason
                == "was used by e-1, and what it owned when it was new is not known, so that a reset could not be verified"
        )
    }

    /// Where nothing is verified, nothing has to be known.
    @Test mutating func oneThatIsReplacedNeedNotTell() throws {
        let worker = harness.fork()
        harness.send(.idle(worker, privateBytes: nil, reset: .replace))
        let lease = try harness.grant(1)
        #expect(harness.send(.reclaim(lease.engine, lease.generation)).retired == [worker])
        #expect(harness.retirement(of: worker)?.cause == .replaced)
    }

    /// Each as its own runtime said.
    @Test mutating func workersOfOneGroupMayDiffer() throws {
        let workers = [harness.fork(), harness.fork()]
        harness.send(.idle(workers[0], privateBytes: 100, reset: .inPlace(toleranceBytes: 0)))
        harness.send(.idle(workers[1], privateBytes: 100, reset: .replace))
        let lease = try harness.grant(1, size: 2)
        let decided = harness.send(.reclaim(lease.engine, lease.generation))
        #expect(decided.resets == [workers[0]])
        #expect(decided.retired == [workers[1]])
    }

    @Test mutating func aResetThatFailsRetiresIt() throws {
        let lease = try endedLease()
        let worker = lease.workers[0]
        let decided = harness.send(.resetFailed(worker, lease.generation, reason: "the allocator is in use"))
        #expect(decided.retired == [worker])
        #expect(harness.retirement(of: worker)?.reason == "could not be reset after e-1: the allocator is in use")
    }

    @Test mutating func aResetThatTakesTooLongRetiresIt() throws {
        let worker = try endedLease().workers[0]
        #expect(harness.wait(.milliseconds(9_999)) == [])
        #expect(harness.wait(.milliseconds(1)).retired == [worker])
        #expect(harness.retirement(of: worker)?.cause == .unanswered)
    }

    @Test mutating func anUnansweredPingRetiresIt() throws {
        let lease = try endedLease()
        let worker = lease.workers[0]
        harness.wait(.seconds(9))
        harness.send(.resetDone(worker, lease.generation))
        #expect(harness.wait(.milliseconds(9_999)) == [])
        #expect(harness.wait(.milliseconds(1)).retired == [worker])
        #expect(
            harness.retirement(of: worker)?.reason == "did not answer a ping within 10.0 s after its reset for e-1")
        harness.send(.measured(worker, lease.generation, privateBytes: 100))
        #expect(harness.retirement(of: worker)?.cause == .unanswered)
    }

    @Test mutating func whereWorkersAreReplacedNoneIsReset() throws {
        let lease = try endedLease(size: 2, on: .cpu)
        #expect(harness.actions.resets.isEmpty)
        #expect(harness.actions.retired == lease.workers)
        #expect(
            harness.retirement(of: lease.workers[0])?.reason == "was used by e-1, and is replaced after each engine")
        #expect(harness.send(.gone(lease.workers[0], reason: "it was asked to")) == [])
        let last = harness.send(.gone(lease.workers[1], reason: "it was asked to"))
        #expect(last == [.returned(lease.engine, lease.generation)])
    }

    @Test mutating func theMemoryIsBackWithTheLastWorker() throws {
        let lease = try endedLease(size: 2)
        harness.finishReset(lease.workers[1], lease)
        #expect(harness.actions.returned.isEmpty)
        #expect(harness.pool.executors[lease.engine] != nil)
        // The engine has no second lease before.
        #expect(!harness.pool.canLease(harness.wish(1)))
        harness.finishReset(lease.workers[0], lease)
        #expect(harness.actions.returned == [lease.engine])
        #expect(harness.pool.executors.isEmpty)
    }

    @Test mutating func oneThatDiesInItsResetHasGivenItsMemoryBack() throws {
        let lease = try endedLease()
        let decided = harness.send(.gone(lease.workers[0], reason: "killed"))
        #expect(decided == [.returned(lease.engine, lease.generation)])
    }

    @Test mutating func oneThatIsDismissedInItsResetIsNotMeasured() throws {
        let lease = try endedLease()
        let worker = lease.workers[0]
        harness.send(.resetDone(worker, lease.generation))
        harness.send(.dismiss(worker, reason: "shutdown"))
        #expect(harness.send(.measured(worker, lease.generation, privateBytes: 100)) == [])
        #expect(harness.retirement(of: worker)?.cause == .dismissed)
    }
}
