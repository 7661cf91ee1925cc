import Scheduling
import Synchronization
import Testing

@Suite struct EnginePermitsTests {
    @Test func thereAreAsManyAsTheLimit() {
        let permits = EnginePermits(limit: 2)
        #expect([permits.take(), permits.take(), permits.take()] == [true, true, false])
        #expect(permits.inFlight == 2)
        permits.release(at: Moment(nanoseconds: 42))
        #expect(permits.inFlight == 1)
        #expect(permits.lastUsed == Moment(nanoseconds: 42))
        #expect(permits.take())
        #expect(!permits.take())
    }

    @Test func onceClosedNoneIsGivenAndThoseOutComeBack() {
        let permits = EnginePermits(limit: 2)
        #expect(permits.take())
        permits.close()
        permits.close()
        #expect(permits.isClosed)
        #expect(!permits.take())
        #expect(permits.inFlight == 1)
        permits.release(at: Moment(nanoseconds: 1))
        #expect(permits.inFlight == 0)
        #expect(permits.isClosed)
        #expect(!permits.take())
    }

    @Test func closingIfIdleIsAllOrNothing() {
        let permits = EnginePermits(limit: 2)
        #expect(permits.take())
        #expect(!permits.closeIfIdle())
        #expect(!permits.isClosed)
        #expect(permits.take())
        permits.release(at: Moment(nanoseconds: 1))
        permits.release(at: Moment(nanoseconds: 2))
        #expect(permits.closeIfIdle())
        #expect(permits.isClosed)
        #expect(!permits.take())
        #expect(permits.closeIfIdle())
    }

    @Test func whatIsClosedWithSomethingInFlightIsNotIdle() {
        let permits = EnginePermits(limit: 1)
        #expect(permits.take())
        permits.close()
        #expect(!permits.closeIfIdle())
        permits.release(at: Moment(nanoseconds: 1))
        #expect(permits.closeIfIdle())
    }

    @Test func aWatchIsCalledOnceForTheNextRelease() {
        let calls = Counter()
        let permits = EnginePermits(limit: 2) { calls.increment() }
        #expect(permits.take())
        #expect(permits.take())
        permits.watch()
        permits.watch()
        #expect(calls.value == 0)
        permits.release(at: Moment(nanoseconds: 1))
        #expect(calls.value == 1)
        permits.release(at: Moment(nanoseconds: 2))
        #expect(calls.value == 1)
    }
}

/// A number that several threads change.
final class Counter: Sendable {
    private let word = Atomic<Int>(0)

    var value: Int { word.load(ordering: .sequentiallyConsistent) }
    func increment() { word.add(1, ordering: .sequentiallyConsistent) }

    /// - Returns: the value after the change.
    @discardableResult
    func add(_ amount: Int) -> Int { word.add(amount, ordering: .sequentiallyConsistent).newValue }
}
