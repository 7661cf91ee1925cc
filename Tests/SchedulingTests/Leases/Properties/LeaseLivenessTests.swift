import Scheduling
import Testing

@Suite struct LeaseLivenessTests {
    /// The number of faults in all, or the first that failed.
    private static func run(_ seeds: Range<Int>, handler: @escaping LeaseHandler = WorkerPool.sound) -> (
        faults: Int, failure: String?
    ) {
        var faults = 0
        for seed in seeds {
            var line = LeaseLine(seed: UInt64(seed), handler: handler)
            line.finish()
            faults += line.faultCount
            if let failure = line.failure { return (faults, "seed \(seed): \(failure)") }
        }
        return (faults, nil)
    }

    @Test func whenNothingFailsAnyMoreEverybodyIsServedInOrderAndEverythingComesBack() {
        let (faults, failure) = Self.run(0..<500)
        #expect(failure == nil)
        #expect(faults > 2_000)
    }

    /// One that waits for ever is found.
    @Test func aPoolWithoutTimeoutsIsFound() {
        let (_, failure) = Self.run(0..<100) { pool, event, now in event == .tick ? [] : pool.handle(event, at: now) }
        #expect(failure?.hasSuffix("it does not come to rest") == true)
    }

    @Test func whereNoPingIsEverAnsweredWorkersAreReplacedAndAllAreServed() {
        let (_, failure) = Self.run(0..<100) { pool, event, now in
            pool.handle(event, at: now).filter { if case .measure = $0 { false } else { true } }
        }
        #expect(failure == nil)
    }
}
