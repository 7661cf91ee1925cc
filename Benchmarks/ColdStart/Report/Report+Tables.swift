extension Report {
    /// The tables that a run prints.
    var tables: String {
        [firstTokens, coldStages, ratios, steadyState, further, reached].filter { !$0.isEmpty }.joined(
            separator: "\n\n")
    }

    private var firstTokens: String {
        var table = TextTable(["Time to first streamed token (ms)"] + TextTable.sampleColumns)
        table.add("(a) stock vLLM server, from its start", cold?.stockMs ?? [])
        table.add("(b) gateway, model not loaded", cold?.gatewayMs ?? [])
        table.add("(c) gateway, model loaded", relay?.gatewayMs ?? [])
        table.add("(d) front end's socket", relay?.directMs ?? [])
        table.add("(c) - (d), pair by pair", relay?.addedMs ?? [], digits: 3)
        table.add("simulated runtime: (c)", simulatedRelay?.gatewayMs ?? [], digits: 3)
        table.add("simulated runtime: (d)", simulatedRelay?.directMs ?? [], digits: 3)
        table.add("simulated runtime: (c) - (d)", simulatedRelay?.addedMs ?? [], digits: 3)
        return table.isEmpty ? "" : table.text
    }

    private var coldStages: String {
        var table = TextTable(["Stages of (b), some at the same time (ms)"] + TextTable.sampleColumns)
        for (stage, milliseconds) in stages { table.add(stage, milliseconds) }
        let counted = cold?.cycles.filter { !$0.isDiscarded } ?? []
        table.add(
            "first token after the queue",
            counted.compactMap { cycle in
                cycle.stages.first { $0.stage == "queue" }.map { cycle.firstTokenMs - $0.milliseconds }
            })
        return table.isEmpty ? "" : table.text
    }

    private var ratios: String {
        guard let cold, let coldRatio, let fastestStockRatio else { return "" }
        return """
            (a) / (b): \(TextTable.number(coldRatio, digits: 1)) by medians, \
            \(TextTable.number(fastestStockRatio, digits: 1)) against the fastest stock start
            Threads that compute: stock \(cold.stockThreads), gateway \(cold.gatewayThreads)
            """
    }

    private var steadyState: String {
        guard let steady else { return "" }
        var table = TextTable(["Steady state"] + TextTable.sampleColumns)
        table.add("stock, decode tokens/s", steady.blocks.map(\.stock.tokensPerSecond))
        table.add("gateway, decode tokens/s", steady.blocks.map(\.gateway.tokensPerSecond))
        table.add("stock, first token of a further request (ms)", steady.blocks.flatMap(\.stock.firstTokenMs))
        table.add("gateway, first token of a further request (ms)", steady.blocks.flatMap(\.gateway.firstTokenMs))
        let intervals = [("decode tokens/s", steady.decode), ("first token", steady.firstToken)].compactMap {
            name, interval in
            interval.map {
                "gateway / stock, \(name): \(TextTable.number($0.ratio, digits: 3)), 95 % interval "
                    + "\(TextTable.number($0.lower, digits: 3)) to \(TextTable.number($0.upper, digits: 3)) "
                    + "(\($0.pairs) blocks)"
            }
        }
        let threads = "Threads that compute: stock \(steady.stockThreads), gateway \(steady.gatewayThreads)"
        return ([table.text] + intervals + [threads]).joined(separator: "\n")
    }

    private var further: String {
        var table = TextTable(["Pool"] + TextTable.sampleColumns)
        table.add("full again after a lease (ms)", refill?.refillMs ?? [])
        table.add("idle process owns (MB)", memory?.idleBytes.map { Double($0) / 1e6 } ?? [])
        return table.isEmpty ? "" : table.text
    }

    private var reached: String {
        var table = TextTable(["To be reached", "measured", "wanted", ""])
        for bar in bars {
            table.add([
                bar.name, TextTable.number(bar.measured, digits: 3),
                "\(bar.direction.rawValue) \(bar.limit.formatted()) \(bar.unit)", bar.isMet ? "met" : "MISSED",
            ])
        }
        return table.text
    }
}
