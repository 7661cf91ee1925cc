import Foundation
import Testing

/// `SIMULATION_SEED` runs that seed alone; `SIMULATION_SEQUENCES` sets how many are run.
@Suite struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    #if DEBUG
        private static let usual = 800
    #else
        // Optimised, a sequence takes a tenth of the time.
        private static let usual = 3000
    #endif
    private static let sequences = environment["SIMULATION_SEQUENCES"].flatMap { Int($0) } ?? usual

    /// What must have come up somewhere: worlds in which little happens prove little.
    private static let occurrences = [
        "eviction", "eviction refused", "eviction refused too late", "returned", "returned in shutdown",
        "drain timeout", "start_failed", "backing_off", "out_of_memory", "deadline_passed", "queue_full",
        "shutting_down", "conflict", "model_not_found", "start: cold", "start: warm", "start: asleep", "asleep",
        "not asleep: conflict", "not asleep: out_of_memory", "not asleep: start_failed", "suspended", "resumed",
        "template given up", "template failed", "idle timeout", "start of a replica: cold",
        "start of a replica: warm", "start of a replica: asleep", "several are ready", "a replica stands for its model",
        "start of a replica refused: start_failed", "start of a replica refused: conflict", "made", "removed",
        "not loaded: conflict", "not loaded: unprocessable", "start of a group", "eviction of a group",
        "eviction on several devices", "a user's group", "a group gets workers again",
    ]

    @Test(.enabled(if: environment["SIMULATION_SEED"] == nil))
    func everySequenceKeepsTheRules() async {
        let parts = 4
        let outcomes = await withTaskGroup(of: Outcome.self) { group in
            for part in 0..<parts { group.addTask { Self.run(stride(from: part, to: Self.sequences, by: parts)) } }
            return await group.reduce(Outcome()) { $0.adding($1) }
        }
        for seed in outcomes.failingSeeds { Issue.record(Self.explanation(seed)) }
        guard outcomes.failingSeeds.isEmpty, Self.sequences >= Self.usual else { return }
        #expect(outcomes.events > Self.sequences * 150)
        for occurrence in Self.occurrences {
            #expect(outcomes.tally[occurrence] ?? 0 > 0, "no sequence had: \(occurrence)")
        }
    }

    @Test(.enabled(if: environment["SIMULATION_SEED"] != nil))
    func theGivenSeedKeepsTheRules() throws {
        let seed = try #require(Self.environment["SIMULATION_SEED"].flatMap { UInt64($0) })
        if Simulation.run(seed: seed).failure != nil { Issue.record(Self.explanation(seed)) }
    }

    @Test func aSeedNamesOneSequence() {
        let runs = (0..<3).map { _ in Simulation.run(seed: 7).events }
        #expect(runs == [runs[0], runs[0], runs[0]])
        #expect(Simulation.run(seed: 8).events != runs[0])
    }

    private struct Outcome: Sendable {
        var events = 0
        var tally: [String: Int] = [:]
        /// At most one of each part.
        var failingSeeds: [UInt64] = []

        func adding(_ other: Outcome) -> Outcome {
            Outcome(
                events: events + other.events, tally: tally.merging(other.tally, uniquingKeysWith: +),
                failingSeeds: failingSeeds + other.failingSeeds)
        }
    }

    private static func run(_ numbers: StrideTo<Int>) -> Outcome {
        var outcome = Outcome()
        for seed in numbers.map(UInt64.init) {
            let run = Simulation.run(seed: seed)
            outcome = outcome.adding(
                Outcome(events: run.events, tally: run.tally, failingSeeds: run.failure == nil ? [] : [seed]))
            if run.failure != nil { break }
        }
        return outcome
    }

    private static func explanation(_ seed: UInt64) -> Comment { Comment(rawValue: Simulation.explain(seed: seed)) }
}
