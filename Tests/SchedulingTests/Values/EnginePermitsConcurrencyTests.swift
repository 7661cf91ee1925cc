import Foundation
import Scheduling
import Synchronization
import Testing

/// Permits under several threads at once.
@Suite struct EnginePermitsConcurrencyTests {
    private static let threads = 4
    private static let rounds = 20_000

    /// Runs the body on threads of their own, and comes back when all are done.
    private func onThreads(_ body: @Sendable (Int) -> Void) {
        DispatchQueue.concurrentPerform(iterations: Self.threads, execute: body)
    }

    @Test func neverMoreAreOutThanTheLimit() {
        let permits = EnginePermits(limit: 2)
        let out = Counter()
        let most = Counter()
        let taken = Counter()
        onThreads { _ in
            for round in 0..<Self.rounds where permits.take() {
                taken.increment()
                if out.add(1) > 2 { most.increment() }
                out.add(-1)
                permits.release(at: Moment(nanoseconds: Int64(round)))
            }
        }
        #expect(most.value == 0)
        #expect(taken.value > 0)
        #expect(permits.inFlight == 0)
    }

    @Test func afterAClosingWhenIdleNobodyIsInside() {
        for _ in 0..<500 {
            let permits = EnginePermits(limit: Self.threads)
            let inside = Counter()
            let seenAtClose = Counter()
            let takenAfterwards = Counter()
            onThreads { thread in
                if thread == 0 {
                    // The takers stop at the closing at the latest, so this comes to an end.
                    while !permits.closeIfIdle() {}
                    seenAtClose.add(inside.value)
                    if permits.take() { takenAfterwards.increment() }
                } else {
                    for _ in 0..<50 {
                        guard permits.take() else { break }
                        inside.add(1)
                        inside.add(-1)
                        permits.release(at: Moment(nanoseconds: 0))
                    }
                }
            }
            #expect(seenAtClose.value == 0)
            #expect(takenAfterwards.value == 0)
            #expect(permits.isClosed)
            #expect(permits.inFlight == 0)
        }
    }

    @Test func everyTakenPermitComesBackAlsoWhenItIsClosedMeanwhile() {
        for _ in 0..<200 {
            let permits = EnginePermits(limit: 2)
            onThreads { thread in
                if thread == 0 {
                    permits.close()
                } else {
                    for _ in 0..<100 where permits.take() { permits.release(at: Moment(nanoseconds: 0)) }
                }
            }
            #expect(permits.isClosed)
            #expect(permits.inFlight == 0)
            #expect(permits.closeIfIdle())
        }
    }

    /// The rule for a waiter: ask to be told, then look again. It then never waits for a release that has been.
    @Test func aWatcherNeverMissesTheLastRelease() {
        for _ in 0..<500 {
            let calls = Counter()
            let permits = EnginePermits(limit: 3) { calls.increment() }
            let isWoken = Counter()
            for _ in 0..<3 { _ = permits.take() }
            onThreads { thread in
                if thread == 0 {
                    permits.watch()
                    if permits.inFlight < 3 { isWoken.increment() }
                } else {
                    permits.release(at: Moment(nanoseconds: 0))
                }
            }
            #expect(isWoken.value + calls.value > 0)
            #expect(calls.value <= 1)
            #expect(permits.inFlight == 0)
        }
    }
}
