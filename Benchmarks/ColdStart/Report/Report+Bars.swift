import BenchmarkSupport

extension Report {
    var bars: [Bar] {
        var bars: [Bar] = []
        func add(_ name: String, _ measured: Double?, _ direction: Bar.Direction, _ limit: Double, _ unit: String) {
            if let measured { bars.append(Bar(name, measured, direction, limit, unit)) }
        }
        add(
            "relay adds (simulated runtime), median", simulatedRelay.flatMap { Statistics.median($0.addedMs) }, .below,
            1, "ms")
        for limit in StartLimit.all {
            guard let subject = subjects.first(where: { $0.name == limit.subject }) else { continue }
            let ratio = subject.result.starts?.ratio(limit.tier)
            add("\(limit.subject), \(limit.tier) start: stock / ours", ratio?.median, .atLeast, limit.median, "times")
            guard let p90 = limit.p90 else { continue }
            add("\(limit.subject), \(limit.tier) start: stock / our p90", ratio?.p90, .atLeast, p90, "times")
        }
        for subject in subjects { bars += subject.result.bars(subject.name) }
        for (name, result) in memory.sorted(by: { $0.key < $1.key }) {
            add("\(name), idle process owns, larger", Double(result.idleBytes) / 1e6, .atMost, 40, "MB")
            add("\(name), clone owns besides KV", Double(result.cloneCoreBytes) / 1e6, .atMost, 80, "MB")
        }
        if let drift { bars += drift.bars(over: Double(plan.driftCycles)) }
        if let eight, let withheld = Statistics.median(eight.withheldMs), let allowed = eight.allowedMs {
            add("withheld template: first token, median", withheld, .atMost, allowed, "ms")
            add(
                "warm start while templates are made / without", eight.disturbance, .atMost,
                EightPart.highestDisturbance, "times")
            add(
                "warm start beside the withheld one's / alone", eight.disturbanceByNinth, .atMost,
                EightPart.highestDisturbanceByNinth, "times")
            add(
                "one of two that answer at the same time: slower", eight.sharing, .atMost, EightPart.highestSharing,
                "times")
        }
        return bars + [leftoversBar]
    }
}

/// How much faster than stock a kind of start has to be.
private struct StartLimit {
    let subject: String
    let tier: StartTier
    let median: Double
    let p90: Double?

    static let all = [
        StartLimit(subject: Subject.smallName, tier: .cold, median: 8, p90: nil),
        StartLimit(subject: Subject.smallName, tier: .warm, median: 30, p90: 20),
        StartLimit(subject: Subject.smallName, tier: .asleep, median: 50, p90: 35),
        StartLimit(subject: Subject.largeName, tier: .warm, median: 8, p90: nil),
        StartLimit(subject: Subject.largeName, tier: .asleep, median: 25, p90: nil),
    ]
}

extension SubjectResult {
    /// Between each of our engines and stock, after starts and in the steady state.
    private var threadDifferences: [Int] {
        let counts = [
            starts.map { ($0.threads, $0.stockThreads) }, steady.map { ($0.threads, $0.stockThreads) },
        ]
        return counts.compactMap(\.self).flatMap { ours, stock in ours.values.map { abs($0 - stock) } }
    }

    fileprivate func bars(_ name: String) -> [Bar] {
        var bars: [Bar] = []
        if let slowest = refill?.refillMs.max() {
            bars.append(Bar("\(name), pool full again, slowest", slowest, .atMost, 1000, "ms"))
        }
        if let answers {
            bars.append(
                Bar("\(name), answers that differ from stock's", Double(answers.differences.count), .atMost, 0, ""))
        }
        if let difference = threadDifferences.max() {
            bars.append(Bar("\(name), threads that compute, largest difference", Double(difference), .atMost, 0, ""))
        }
        for tier in steady?.tiers ?? [] {
            if let decode = steady?.decode(tier) {
                bars.append(
                    Bar(
                        "\(name), \(tier), decode speed: ours / stock, worse end", decode.lower, .atLeast,
                        SteadyPart.lowestDecodeRatio, "times"))
            }
            if let first = steady?.firstToken(tier) {
                bars.append(
                    Bar(
                        "\(name), \(tier), further first token: ours / stock, worse end", first.upper, .atMost,
                        SteadyPart.highestFirstTokenRatio, "times"))
            }
        }
        return bars
    }
}

extension DriftPart.Result {
    fileprivate func bars(over cycles: Double) -> [Bar] {
        let highest = DriftPart.highestGrowth * 100
        var bars = DriftPart.tiers.compactMap { tier in
            firstToken(tier).map {
                Bar(
                    "drift of the first token, \(tier), over \(Int(cycles)) cycles", $0.shownGrowth(over: cycles) * 100,
                    .below, highest, "%")
            }
        }
        if let memory {
            let growth = memory.secondHalf.growth * 100
            bars.append(
                Bar("growth of memory over the second half of \(Int(cycles)) cycles", growth, .below, highest, "%"))
        }
        if let leftovers {
            bars.append(Bar("left over after the cycles", Double(leftovers.count), .atMost, 0, ""))
        }
        return bars
    }
}
