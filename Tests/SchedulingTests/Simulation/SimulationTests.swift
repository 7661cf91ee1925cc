import Foundation
import Testing

/// `SIMULATION_SEED` runs that seed alone; `SIMULATION_SEQUENCES` sets how many are run.
@Suite struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let sequences = environment["SIMULATION_SEQUENCES"].flatMap { Int($0) } ?? 2000
    private static let parts = 8

    @Test(arguments: 0..<parts)
    func everySequenceKeepsTheRules(part: Int) {
        if let seed = Self.environment["SIMULATION_SEED"].flatMap({ UInt64($0) }) {
            if part == 0, Simulation.run(seed: seed).failure != nil { Issue.record(explanation(seed)) }
            return
        }
        var events = 0
        for number in stride(from: part, to: Self.sequences, by: Self.parts) {
            let seed = UInt64(number)
            let run = Simulation.run(seed: seed)
            events += run.events
            if run.failure != nil {
                Issue.record(explanation(seed))
                return
            }
        }
        // A world in which little happens proves little.
        #expect(events > Self.sequences / Self.parts * 150)
    }

    @Test func aSeedNamesOneSequence() {
        let runs = (0..<3).map { _ in Simulation.run(seed: 7).events }
        #expect(runs == [runs[0], runs[0], runs[0]])
        #expect(Simulation.run(seed: 8).events != runs[0])
    }

    private func explanation(_ seed: UInt64) -> Comment { Comment(rawValue: Simulation.explain(seed: seed)) }
}
