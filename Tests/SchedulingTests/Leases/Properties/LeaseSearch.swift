import Scheduling

/// Runs many sequences and makes the first that fails small.
struct LeaseSearch: Sendable {
    struct Finding: Sendable {
        let seed: UInt64
        let length: Int
        /// As few as still fail.
        let steps: [LeaseStep]
        let failure: String
    }

    struct Outcome: Sendable {
        var sequences = 0
        var steps = 0
        var tally: [String: Int] = [:]
        /// At most one of each part.
        var findings: [Finding] = []
    }

    let handler: LeaseHandler

    init(handler: @escaping LeaseHandler = WorkerPool.sound) { self.handler = handler }

    /// Side by side, up to the first failure of each part.
    func run(sequences: Int, parts: Int = 4) async -> Outcome {
        await withTaskGroup(of: Outcome.self) { group in
            for part in 0..<parts { group.addTask { run(stride(from: part, to: sequences, by: parts)) } }
            return await group.reduce(Outcome()) { sum, part in
                Outcome(
                    sequences: sum.sequences + part.sequences, steps: sum.steps + part.steps,
                    tally: sum.tally.merging(part.tally, uniquingKeysWith: +), findings: sum.findings + part.findings)
            }
        }
    }

    func run(seed: UInt64) -> Finding? { run([Int(seed)]).findings.first }

    private func run(_ seeds: some Sequence<Int>) -> Outcome {
        var outcome = Outcome()
        let start = LeaseRun.begin(handler: handler)
        for seed in seeds {
            let (steps, failure) = LeaseSequence.generate(seed: UInt64(seed), from: start, tally: &outcome.tally)
            outcome.sequences += 1
            outcome.steps += steps.count
            guard failure != nil else { continue }
            let few = Shrinking.shrink(steps) { LeaseSequence.failure(of: $0, from: start) != nil }
            let reason = LeaseSequence.failure(of: few, from: start) ?? "it did not fail again"
            outcome.findings.append(
                Finding(seed: UInt64(seed), length: steps.count, steps: few, failure: reason))
            return outcome
        }
        return outcome
    }
}

extension LeaseSearch.Finding: CustomStringConvertible {
    var description: String {
        """
        seed \(seed), \(steps.count) of \(length) steps: \(failure)
        Again: LEASE_SEED=\(seed) swift test --filter LeasePropertyTests
        \(steps.map { "    \($0)" }.joined(separator: "\n"))
        """
    }
}
