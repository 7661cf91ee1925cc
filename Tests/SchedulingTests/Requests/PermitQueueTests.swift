import Scheduling
import Testing

/// Requests for an engine that has as many as it may.
@Suite struct PermitQueueTests {
    private var harness: Harness
    private let engine: EngineID

    init() throws {
        harness = Harness(models: [.named("a", concurrency: 2)])
        harness.boot()
        engine = try harness.start("a")
        harness.inFlight[engine] = 2
    }

    @Test mutating func oneMoreWaitsForARelease() {
        let request = harness.request("a")
        #expect(harness.outcomes(of: request) == [])
        #expect(harness.actions.last == .watch(engine, below: 2))
        harness.inFlight[engine] = 1
        harness.send(.permitReleased(engine))
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
        // Nobody waits any more, so nobody needs to be told.
        #expect(harness.actions.last?.isAdmission == true)
    }

    @Test mutating func neverMoreAreAdmittedThanThereArePermits() {
        harness.inFlight[engine] = 1
        let requests = [harness.request("a")]
        harness.inFlight[engine] = 2
        let waiting = (0..<3).map { _ in harness.request("a") }
        harness.inFlight[engine] = 0
        let decided = harness.send(.permitReleased(engine))
        #expect(harness.outcomes(of: requests[0]) == [.admitted(engine)])
        #expect(decided.admissions == Array(waiting.prefix(2)))
        #expect(decided.last == .watch(engine, below: 2))
    }

    @Test mutating func aReleaseThatChangedNothingIsWatchedAgain() {
        let request = harness.request("a")
        #expect(harness.send(.permitReleased(engine)) == [.watch(engine, below: 2)])
        #expect(harness.outcomes(of: request) == [])
    }

    @Test mutating func aReturnedRequestIsFirstInLine() {
        let returned = RequestID(0)
        let waiting = harness.request("a")
        let decided = harness.send(.returned(returned, model: "a", bytes: 10, waitedSince: harness.now))
        #expect(decided == [.watch(engine, below: 2)])
        harness.inFlight[engine] = 1
        #expect(harness.send(.permitReleased(engine)).admissions == [returned])
        harness.inFlight[engine] = 1
        #expect(harness.send(.permitReleased(engine)).admissions == [waiting])
    }

    @Test mutating func aReturnedRequestKeepsItsDeadline() throws {
        let since = harness.now
        harness.wait(.seconds(119))
        let returned = RequestID(90)
        harness.send(.returned(returned, model: "a", bytes: 10, waitedSince: since))
        #expect(harness.outcomes(of: returned) == [])
        harness.wait(.seconds(1))
        #expect(try harness.refusal(of: returned).code == .deadlinePassed)
    }

    @Test mutating func aReturnedRequestWhoseEngineIsGoneGetsANewOne() throws {
        try harness.killCore(of: engine)
        harness.endProcesses()
        let returned = RequestID(90)
        harness.send(.returned(returned, model: "a", bytes: 10, waitedSince: harness.now))
        let next = try harness.inspect("a")
        #expect(next != engine)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: returned) == [.admitted(next)])
    }

    @Test mutating func aReturnedRequestThatNamedAnEngineWhichIsGoneIsRefused() throws {
        let returned = RequestID(90)
        harness.send(.returned(returned, model: "e-77", bytes: 10, waitedSince: harness.now))
        #expect(try harness.refusal(of: returned).code == .engineDied)
    }
}

extension SchedulerAction {
    fileprivate var isAdmission: Bool { if case .admit = self { true } else { false } }
}
