/// Runs simulated worlds, and makes a failing one small.
enum Simulation {
    /// Moments at which something comes from outside in one sequence; each brings about five events.
    static let stimuli = 40

    struct Run {
        let failure: String?
        let events: Int
        let tally: [String: Int]
    }

    static func run(seed: UInt64, stimuli: Int = stimuli) -> Run {
        var world = SimulatedWorld(seed: seed, stimuli: stimuli, isTraced: false)
        world.run()
        return Run(failure: world.failure, events: world.eventCount, tally: world.tally)
    }

    /// The fewest stimuli with which the seed still fails, found by halving, and what happens then, for people.
    static func explain(seed: UInt64) -> String {
        var passing = -1
        var failing = stimuli
        while failing - passing > 1 {
            let middle = (passing + failing) / 2
            if run(seed: seed, stimuli: middle).failure == nil { passing = middle } else { failing = middle }
        }
        var world = SimulatedWorld(seed: seed, stimuli: failing, isTraced: true)
        world.run()
        let trace = (world.trace ?? []).suffix(80).joined(separator: "\n")
        return """
            seed \(seed), \(failing) stimuli, \(world.eventCount) events: \(world.failure ?? "passes now")
            Again: SIMULATION_SEED=\(seed) swift test --filter SimulationTests
            \(trace)
            """
    }
}
