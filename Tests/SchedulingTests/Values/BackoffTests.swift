import Scheduling
import Testing

@Suite struct BackoffTests {
    private let start = Moment(nanoseconds: 5_000_000_000)

    @Test func thePauseDoublesUpToAMinute() {
        var backoff = Backoff()
        #expect(backoff.remaining(at: start) == nil)
        for (failures, seconds) in [1, 2, 4, 8, 16, 32, 60, 60, 60].enumerated() {
            backoff.failed(at: start)
            #expect(backoff.failures == failures + 1)
            #expect(backoff.remaining(at: start) == .seconds(seconds))
        }
    }

    @Test func itEndsAtItsMoment() {
        var backoff = Backoff()
        backoff.failed(at: start)
        #expect(backoff.remaining(at: start + .milliseconds(999)) == .milliseconds(1))
        #expect(backoff.remaining(at: start + .seconds(1)) == nil)
        #expect(backoff.notBefore == start + .seconds(1))
    }

    @Test func aSuccessForgetsAll() {
        var backoff = Backoff()
        for _ in 0..<5 { backoff.failed(at: start) }
        backoff.succeeded()
        #expect(backoff == Backoff())
        backoff.failed(at: start)
        #expect(backoff.remaining(at: start) == .seconds(1))
    }

    @Test func countlessFailuresDoNoHarm() {
        var backoff = Backoff()
        for _ in 0..<200 { backoff.failed(at: start) }
        #expect(backoff.remaining(at: start) == .seconds(60))
    }
}
