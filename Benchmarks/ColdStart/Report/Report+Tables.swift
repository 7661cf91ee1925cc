import BenchmarkSupport

extension Report {
    var tables: String {
        let ofSubjects = subjects.flatMap { name, result in result.tables(name) }
        let others = [relayTable, memoryTable, driftTable, eightTable, barTable]
        return (ofSubjects + others).filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private var relayTable: String {
        var table = TextTable(["Gateway's share of a first token (ms)"] + TextTable.sampleColumns)
        table.add("(c) gateway, model loaded", relay?.gatewayMs ?? [])
        table.add("(d) front end's socket", relay?.directMs ?? [])
        table.add("(c) - (d), pair by pair", relay?.addedMs ?? [], digits: 3)
        table.add("simulated runtime: (c)", simulatedRelay?.gatewayMs ?? [], digits: 3)
        table.add("simulated runtime: (d)", simulatedRelay?.directMs ?? [], digits: 3)
        table.add("simulated runtime: (c) - (d)", simulatedRelay?.addedMs ?? [], digits: 3)
        return table.isEmpty ? "" : table.text
    }

    private var memoryTable: String {
        guard !memory.isEmpty else { return "" }
        let results = memory.sorted { $0.key < $1.key }
        var table = TextTable(["Memory (MB)"] + results.map(\.key))
        func add(_ name: String, _ bytes: (MemoryPart.Result) -> Int) {
            table.add([name] + results.map { TextTable.number(Double(bytes($0.value)) / 1e6, digits: 1) })
        }
        add("weights' files", \.weightBytes)
        add("template without weights owned when it was made", \.templateBytes)
        add("idle front end of it owns", \.idleFrontEndBytes)
        add("idle core of it owns", \.idleCoreBytes)
        add("front end after a warm start and an answer owns", \.hotFrontEndBytes)
        add("core after a warm start and an answer owns, weights included", \.hotCoreBytes)
        add("template's loading adds, to all processes together", \.loadingBytes)
        add("... beyond its weights' files", \.beyondWeightsBytes)
        add("core cloned from it owns after an answer, besides its KV cache", \.cloneCoreBytes)
        add("its front end", \.cloneFrontEndBytes)
        return table.text
    }

    private var driftTable: String {
        guard let drift else { return "" }
        var table = TextTable(["Drift over \(drift.cycles.count) cycles"] + TextTable.sampleColumns)
        var slopes: [String] = []
        for (name, tier) in [("load and first token", StartTier.warm), ("wake and first token", .asleep)] {
            table.add("\(name) (ms)", drift.cycles.filter { $0.tier == tier }.map(\.firstTokenMs))
            guard let trend = drift.firstToken(tier) else { continue }
            let values = [trend.slope, trend.lower, trend.upper].map { TextTable.number($0, digits: 4) }
            let growth = TextTable.number(trend.growth(over: Double(plan.driftCycles)) * 100, digits: 2)
            slopes.append(
                "\(name): \(values[0]) ms per cycle, 95 % interval \(values[1]) to \(values[2]); "
                    + "\(growth) % over all cycles")
        }
        table.add("memory at rest, all processes (MB)", drift.cycles.map { Double($0.writtenBytes) / 1e6 })
        slopes += drift.memory?.lines("memory", scale: 1e6, unit: "MB") ?? []
        let left = drift.leftovers.map {
            ["Left over: \($0.processes) processes, \($0.files.count) files, \($0.sharedMemory.count) in /dev/shm"]
        }
        return ([table.text] + slopes + (left ?? [])).joined(separator: "\n")
    }

    private var eightTable: String {
        guard let eight else { return "" }
        var table = TextTable(["Eight models with templates, a ninth without"] + TextTable.sampleColumns)
        table.add("making of a template (ms)", eight.templateMs)
        table.add("first token, warm (ms)", eight.warmMs)
        table.add("first token, warm, while templates are made (ms)", eight.disturbedMs)
        table.add("first token, template withheld (ms)", eight.withheldMs)
        table.add("first token, warm, beside that of the withheld one (ms)", eight.besideWithheldMs)
        table.add("first token, warm, beside another warm one (ms)", eight.besideWarmMs)
        table.add("tokens per second, one model alone", eight.aloneSpeeds)
        table.add("tokens per second, one of two at the same time", eight.sharedSpeeds)
        let memory = [eight.withoutTemplatesBytes, eight.readyBytes].map {
            TextTable.number(Double($0) / 1e6, digits: 0)
        }
        return table.text + """

            All templates ready \(TextTable.number(eight.readyMs / 1000, digits: 1)) s after the controller's start
            Memory of all \(eight.readyProcesses) processes then: \(memory[1]) MB; without any template: \(memory[0]) MB
            """
    }
}
