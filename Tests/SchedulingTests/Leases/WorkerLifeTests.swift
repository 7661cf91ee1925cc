import Scheduling
import Testing

/// A worker comes, is given a place, and goes.
@Suite struct WorkerLifeTests {
    private var harness = PoolHarness()

    @Test mutating func aForkedWorkerIsIdleWhenItSaysSo() {
        let worker = harness.fork()
        #expect(harness.state(of: worker) == .starting)
        #expect(harness.send(.idle(worker, privateBytes: 100, reset: .replace)) == [])
        #expect(harness.state(of: worker) == .idle)
        #expect(harness.pool.workers[worker]?.baselineBytes == 100)
    }

    @Test mutating func itsBaselineIsWhatItOwnedFirst() {
        let worker = harness.addWorkers(1)[0]
        harness.send(.idle(worker, privateBytes: 900, reset: .replace))
        #expect(harness.pool.workers[worker]?.baselineBytes == 100)
    }

    @Test mutating func theSmallestFreeSlotIsGivenNext() {
        let workers = harness.addWorkers(3)
        #expect(workers.map { harness.pool.workers[$0]?.slot } == [0, 1, 2])
        harness.send(.gone(workers[1], reason: "killed"))
        let others = [harness.fork(on: .cpu), harness.fork()]
        #expect(others.map { harness.pool.workers[$0]?.slot } == [1, 3])
    }

    @Test mutating func aReplacementHasTheSlotOfWhatItReplaces() throws {
        let worker = harness.addWorkers(2, on: .cpu)[0]
        try harness.grant(1, on: .cpu)
        harness.send(.reclaim(EngineID(number: 1), .number(1)))
        #expect(harness.retirement(of: worker)?.cause == .replaced)
        let replacement = harness.fork(on: .cpu)
        #expect(harness.pool.workers[replacement]?.slot == 0)
    }

    @Test mutating func oneThatNobodyNeedsIsEnded() {
        let worker = harness.addWorkers(1)[0]
        let retirement = Retirement(cause: .dismissed, reason: "the pool is full", lease: nil)
        #expect(harness.send(.dismiss(worker, reason: "the pool is full")) == [.retire(worker, retirement)])
        #expect(harness.send(.dismiss(worker, reason: "again")) == [])
        #expect(harness.pool.canLease(harness.wish(1)) == false)
        #expect(harness.send(.gone(worker, reason: "it was asked to")) == [])
        #expect(harness.pool.workers.isEmpty)
    }

    @Test mutating func anIdleOneThatDiesIsForgotten() {
        let worker = harness.addWorkers(1)[0]
        #expect(harness.send(.gone(worker, reason: "killed")) == [])
        #expect(harness.pool.workers.isEmpty)
    }

    @Test mutating func workersAreCountedByWhatTheyDo() throws {
        harness.addWorkers(4)
        harness.addWorkers(2, on: .cpu)
        _ = harness.fork()
        try harness.grant(1, size: 2)
        let other = try harness.grant(2)
        harness.send(.reclaim(other.engine, other.generation))
        let count = harness.pool.count(of: .simulated, on: .cuda)
        #expect(count.description == "5 workers: 1 idle, 2 leased, 1 being reset, 1 starting")
        #expect(count.spare == 3)
        #expect(harness.pool.count(of: RuntimeName("other"), on: .cuda).spare == 0)
    }
}
