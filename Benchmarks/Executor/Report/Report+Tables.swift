import BenchmarkSupport

extension Report {
    var tables: String {
        let tables =
            [decode?.printed, sizes?.printed, startsTable] + stageTables + [leasesTable, parkingTable, isolationTable]
            + allCycles.map { $0.result.table($0.name) } + [barTable]
        return tables.compactMap(\.self).joined(separator: "\n\n")
    }

    private var startsTable: String? {
        guard let starts else { return nil }
        var table = TextTable(["Starts (ms)"] + TextTable.sampleColumns)
        for kind in StartKind.all {
            table.add("\(kind.name), first token", starts.firstTokenMs(kind.tier, kind.placement))
        }
        for kind in StartKind.all {
            table.add(
                "\(kind.name), attach to ready", starts.starts(kind.tier, kind.placement).map(\.attachToReadyMs))
        }
        let ratios = StartKind.all.compactMap { kind in
            starts.ratio(kind.tier, kind.placement).map {
                "\(kind.name) / \(kind.placement.reference?.rawValue ?? ""): \(TextTable.number($0, digits: 3)) by medians, round by round 95 % "
                    + TextTable.ends(starts.interval(kind.tier, kind.placement), digits: 3)
            }
        }
        return ([table.text] + ratios).joined(separator: "\n")
    }

    private var stageTables: [String?] {
        StartKind.all.map { kind in
            let stages = starts?.starts(kind.tier, kind.placement).map(\.stages) ?? []
            return Self.stages("\(kind.name): stages, some at the same time (ms)", stages)
        }
    }

    /// Nil without any.
    private static func stages(_ title: String, _ starts: [[TimedStage]]) -> String? {
        var table = TextTable([title] + TextTable.sampleColumns)
        for (stage, milliseconds) in StageTimes.byStage(starts) { table.add(stage, milliseconds) }
        return table.isEmpty ? nil : table.text
    }

    private var leasesTable: String? {
        guard let leases else { return nil }
        var table = TextTable(["Leases, request to grant (ms)"] + TextTable.sampleColumns)
        for size in LeasesPart.sizes { table.add("size \(size)", leases.leaseMs(size), digits: 2) }
        let p99 = leases.p99.map { "p99 of all: \(TextTable.number($0, digits: 2)) ms" }
        return [table.text, p99].compactMap(\.self).joined(separator: "\n")
    }

    private var parkingTable: String? {
        guard let parking else { return nil }
        var table = TextTable(["Parked (ms)"] + TextTable.sampleColumns)
        var ratios: [String] = []
        var stages: [String?] = []
        for tier in ParkingPart.tiers {
            let cycles = parking.cycles[tier] ?? []
            table.add("first token, \(tier) start", cycles.map(\.startMs))
            table.add("first token, the same model parked", cycles.map(\.parkedMs))
            stages.append(Self.stages("Stages of its first request after it was parked (ms)", cycles.map(\.stages)))
            guard let ratio = parking.ratio(tier) else { continue }
            ratios.append(
                "parked / \(tier) start: \(TextTable.number(ratio, digits: 3)) by medians, cycle by cycle 95 % "
                    + TextTable.ends(parking.interval(tier), digits: 3))
        }
        return ([table.text] + ratios + stages.compactMap(\.self)).joined(separator: "\n")
    }

    private var isolationTable: String? {
        guard let isolation else { return nil }
        var table = TextTable(["An engine among others (ms)", "n", "median", "p99", "most"])
        for (name, samples) in [
            ("gap between tokens, alone", IsolationPart.Result.gaps(isolation.alone)),
            ("gap between tokens, beside others", IsolationPart.Result.gaps(isolation.disturbed)),
            ("start of another, alone", IsolationPart.Result.starts(isolation.alone)),
            ("start of another, beside others", IsolationPart.Result.starts(isolation.disturbed)),
        ] {
            guard let summary = Summary(samples), let p99 = Statistics.quantile(0.99, of: samples) else { continue }
            let values = [summary.median, p99, summary.maximum].map { TextTable.number($0, digits: 2) }
            table.add([name, "\(summary.count)"] + values)
        }
        let crashes = isolation.crashes.reduce(0, +)
        return table.text
            + "\nMeanwhile one loads, one hangs, two crash whenever they are tried, and \(crashes) programs died with a worker"
    }
}

extension StartKind {
    fileprivate var name: String { "\(tier), \(placement.rawValue)" }
}

extension CyclesPart.Result {
    fileprivate func table(_ name: String) -> String {
        var table = TextTable(["\(name), \(cycles) cycles"] + TextTable.sampleColumns)
        for (model, milliseconds) in firstTokenMs.sorted(by: { $0.key < $1.key }) {
            table.add("\(model): load and first token (ms)", milliseconds)
        }
        table.add("memory at rest, all processes (MB)", inventories.map { Double($0.writtenBytes) / 1e6 })
        for count in Self.counts { table.add(count.name, inventories.map { Double(count.value($0)) }, digits: 0) }
        let left = leftovers.map {
            "Left over: \($0.processes) processes, \($0.files.count) files, \($0.sharedMemory.count) in /dev/shm"
        }
        return ([table.text, memoryByKind] + slopes + [left].compactMap(\.self)).joined(separator: "\n")
    }

    /// Which kind of process has what grew.
    private var memoryByKind: String {
        let moments = [inventories.first, inventories.dropFirst(inventories.count / 2).first, inventories.last]
            .compactMap(\.self)
        var table = TextTable(["memory by kind (MB), after cycle"] + moments.map { "\($0.cycle)" })
        for kind in Set(moments.flatMap(\.bytesByKind.keys)).sorted() {
            table.add([kind] + moments.map { TextTable.number(Double($0.bytesByKind[kind] ?? 0) / 1e6, digits: 1) })
        }
        return table.text
    }

    private var slopes: [String] {
        let counts = Self.counts.compactMap { name, value in
            trend(value).map {
                let values = [$0.slope, $0.lower, $0.upper].map { TextTable.number($0, digits: 5) }
                return "\(name): \(values[0]) more per cycle, 95 % interval \(values[1]) to \(values[2])"
            }
        }
        return (memory?.lines("memory", scale: 1e6, unit: "MB") ?? []) + counts
    }
}
