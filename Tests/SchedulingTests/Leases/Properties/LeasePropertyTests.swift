import Foundation
import Scheduling
import Testing

/// `LEASE_SEED` runs that seed alone; `LEASE_SEQUENCES` sets how many are run.
@Suite struct LeasePropertyTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let usual = 100_000
    private static let sequences = environment["LEASE_SEQUENCES"].flatMap { Int($0) } ?? usual

    /// What must have come up somewhere.
    private static let occurrences =
        [
            "lease", "reset", "measure", "welcome", "refuse", "granted", "refused", "done", "failed", "revoke",
            "released", "revoked", "reclaimed", "not taken", "broken", "returned",
        ] + Retirement.Cause.allCases.map(\.rawValue)

    @Test(.enabled(if: environment["LEASE_SEED"] == nil))
    func everySequenceKeepsTheRules() async {
        let outcome = await LeaseSearch().run(sequences: Self.sequences)
        for finding in outcome.findings { Issue.record(Comment(rawValue: finding.description)) }
        guard outcome.findings.isEmpty, Self.sequences >= Self.usual else { return }
        #expect(outcome.sequences == Self.sequences)
        #expect(outcome.steps > Self.sequences * 10)
        for occurrence in Self.occurrences {
            #expect(outcome.tally[occurrence] ?? 0 > 100, "hardly any sequence had: \(occurrence)")
        }
    }

    @Test(.enabled(if: environment["LEASE_SEED"] != nil))
    func theGivenSeedKeepsTheRules() throws {
        let seed = try #require(Self.environment["LEASE_SEED"].flatMap { UInt64($0) })
        if let finding = LeaseSearch().run(seed: seed) { Issue.record(Comment(rawValue: finding.description)) }
    }

    /// The search finds what is wrong with each, and what it shows has no step too many.
    @Test(arguments: BrokenPool.allCases)
    func aFaultIsFoundAndMadeSmall(pool: BrokenPool) async throws {
        let outcome = await LeaseSearch(handler: pool.handler).run(sequences: 5_000)
        let finding = try #require(outcome.findings.first)
        #expect(finding.steps.count <= 8, "\(finding)")
        let start = LeaseRun.begin(handler: pool.handler)
        for index in finding.steps.indices {
            var fewer = finding.steps
            fewer.remove(at: index)
            #expect(LeaseSequence.failure(of: fewer, from: start) == nil, "step \(index) is not needed: \(finding)")
        }
        // The fault is that pool's.
        #expect(LeaseSequence.failure(of: finding.steps, from: .begin()) == nil)
    }

    @Test func aSeedNamesOneSequence() {
        let start = LeaseRun.begin()
        var tally: [String: Int] = [:]
        let runs = [7, 7, 8].map { seed in
            LeaseSequence.generate(seed: UInt64(seed), from: start, tally: &tally).steps.map(\.description)
        }
        #expect(runs[0] == runs[1])
        #expect(runs[0] != runs[2])
    }

    @Test func shrinkingKeepsWhatIsNeeded() {
        let few = Shrinking.shrink(Array(0..<100)) { $0.contains(17) && $0.contains(83) }
        #expect(few == [17, 83])
        #expect(Shrinking.shrink([1, 2, 3]) { _ in true } == [])
    }
}
