import Scheduling
import Testing

/// What a parked engine's core tells while its workers come back.
@Suite struct ReturnStageTests {
    private static let told = ["attach", "load", "kv_cache", "warm_up"]

    /// A request waits for the workers of an engine that was parked.
    private func returning() throws -> (harness: Harness, engine: EngineID, request: RequestID) {
        var harness = Harness(models: [.group("g")], cuda: [4, 4])
        let engine = try harness.startGroup("g")
        let lease = try harness.grantWorkers(to: engine)
        try harness.park(engine, of: "g", holding: lease)
        let request = harness.request("g")
        _ = try harness.inspect("g")
        harness.fillWorkers()
        #expect(harness.phase(of: engine) == .resuming)
        return (harness, engine, request)
    }

    private func stages(_ harness: Harness, _ engine: EngineID) -> [String]? {
        harness.scheduler.engines[engine]?.stages.map(\.stage)
    }

    @Test func theyAreKeptAndToldToWhoWaits() throws {
        var (harness, engine, request) = try returning()
        let generation = try harness.generation(of: engine)
        for stage in Self.told { harness.send(.stage(engine, generation, StageTime(stage: stage, milliseconds: 7))) }
        #expect(stages(harness, engine) == ["lease"] + Self.told)
        harness.send(.resumed(engine, generation))
        let timings = harness.actions.compactMap { action -> [String]? in
            if case .admit(request, engine, _, let timings) = action { timings.map(\.stage) } else { nil }
        }
        #expect(timings == [["queue", "lease"] + Self.told])
    }

    @Test func thoseOfAnotherGenerationAreNotHeard() throws {
        var (harness, engine, _) = try returning()
        let own = try harness.generation(of: engine)
        for other in [Generation(epoch: own.epoch, counter: own.counter + 1), Generation(epoch: 2, counter: 1)] {
            harness.send(.stage(engine, other, StageTime(stage: "load", milliseconds: 7)))
        }
        #expect(stages(harness, engine) == ["lease"])
    }

    @Test func aStageAfterTheReturnChangesNothing() throws {
        var (harness, engine, _) = try returning()
        let generation = try harness.generation(of: engine)
        harness.send(.resumed(engine, generation))
        harness.send(.stage(engine, generation, StageTime(stage: "load", milliseconds: 7)))
        #expect(stages(harness, engine) == ["lease"])
    }
}
