import Testing

@testable import BenchmarkSupport

@Suite struct DriftTests {
    /// Stock that is taken after every 100 of 20,000 cycles: megabytes by the cycle, and a noise of 2 %.
    private func drift(_ megabytes: (Double) -> Double) throws -> Drift {
        let samples = (1...200).map { number in
            let cycle = Double(number * 100)
            return (x: cycle, y: megabytes(cycle) + Double(number * 37 % 20) / 10)
        }
        return try #require(Drift(samples))
    }

    private let highest = 0.05

    @Test func aSteadyLeakIsSeen() throws {
        let drift = try drift { 90 + 12 * $0 / 20_000 }
        #expect(drift.secondHalf.growth > highest)
        #expect(drift.firstHalf.growth > highest)
        #expect(drift.secondHalf.cycles == 10_000)
        #expect(abs(drift.secondHalf.trend.slope - 12.0 / 20_000) < 1e-4)
    }

    /// As a run had it, which was taken for a leak by the slope of all its cycles.
    @Test func aPlateauAfterStepsIsNone() throws {
        let steps = try drift { cycle in
            switch cycle {
            case ..<1000: 74
            case ..<7000: 85
            case ..<13_000: 91
            case ..<19_600: 92
            default: 89
            }
        }
        #expect(abs(steps.secondHalf.growth) < highest / 2)
        #expect(steps.firstHalf.growth > highest)
    }

    @Test func aLeakThatBeginsLateIsSeen() throws {
        let drift = try drift { 90 + max(0, $0 - 16_000) * 10 / 4000 }
        #expect(drift.secondHalf.growth > highest)
        #expect(abs(drift.firstHalf.growth) < highest / 2)
    }

    @Test func memoryThatComesBackIsNoGrowth() throws {
        #expect(try drift { 90 - 12 * $0 / 20_000 }.secondHalf.growth < 0)
    }

    @Test func noJudgementOfTooFewSamples() {
        let samples = (1...7).map { (x: Double($0), y: 1.0) }
        #expect(Drift(samples) == nil)
        #expect(Drift(samples + [(8, 1)]) != nil)
    }

    @Test func whatIsJudgedIsNamed() throws {
        let lines = try drift { 1e6 * (100 + $0 / 100) }.lines("memory", scale: 1e6, unit: "MB")
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("memory, first half (told only): 0.01000 MB per cycle") == true)
        #expect(lines.last?.hasPrefix("memory, second half: 0.01000 MB per cycle") == true)
        #expect(lines.last?.hasSuffix("over these 10000 cycles") == true)
    }
}
