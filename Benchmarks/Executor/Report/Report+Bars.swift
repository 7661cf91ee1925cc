import BenchmarkSupport

extension Report {
    var bars: [Bar] {
        var bars: [Bar] = []
        func add(_ name: String, _ measured: Double?, _ direction: Bar.Direction, _ limit: Double, _ unit: String) {
            if let measured { bars.append(Bar(name, measured, direction, limit, unit)) }
        }
        add(
            "time per token: remote / stock multiprocess, worse end", decode?.judged?.upper, .atMost,
            DecodeResult<ExecutorSide>.highestRatio, "times")
        add("threads that compute, difference of these two", decode?.threadDifference.map(Double.init), .atMost, 0, "")
        for tier in StartKind.tiers {
            add(
                "\(tier) start: remote, size 1 / in-process", starts?.ratio(tier, .oneWorker), .atMost,
                StartsPart.highestRatio, "times")
        }
        add("lease, request to grant, p99", leases?.p99, .below, LeasesPart.highestP99, "ms")
        for tier in ParkingPart.tiers {
            guard let highest = ParkingPart.highestRatios[tier] else { continue }
            add("first token of a parked model / \(tier) start", parking?.ratio(tier), .atMost, highest, "times")
        }
        add(
            "gap between tokens, p99: beside others - alone", isolation?.addedGapMs, .atMost,
            IsolationPart.highestAddedGapMs, "ms")
        add(
            "start beside others / alone", isolation?.startRatio, .atMost, IsolationPart.highestStartRatio, "times")
        return bars + allCycles.flatMap { $0.result.bars($0.name) } + [leftoversBar]
    }
}

extension CyclesPart.Result {
    fileprivate func bars(_ name: String) -> [Bar] {
        let steps = Double(cycles)
        var bars: [Bar] = []
        if let memory {
            bars.append(
                Bar(
                    "\(name), second half of \(cycles) cycles: growth of memory", memory.secondHalf.growth * 100,
                    .below, CyclesPart.highestGrowth * 100, "%"))
        }
        for count in Self.counts {
            guard let trend = trend(count.value) else { continue }
            bars.append(
                Bar(
                    "\(name), \(cycles) cycles: more \(count.name)", trend.shownRise(over: steps), .below,
                    CyclesPart.highestRise, ""))
        }
        if let leftovers {
            bars.append(Bar("\(name), left over after the cycles", Double(leftovers.count), .atMost, 0, ""))
        }
        return bars
    }
}
