import BenchmarkSupport

extension SubjectResult {
    /// - Parameter name: the model's, for the tables' heads.
    func tables(_ name: String) -> [String] {
        [firstTokens(name), ratios(name)] + stages(name) + [steadyState(name), answersTable(name)]
    }

    private func firstTokens(_ name: String) -> String {
        var table = TextTable(["\(name): time to first streamed token (ms)"] + TextTable.sampleColumns)
        table.add("stock vLLM server, from its start", starts?.stockMs ?? [])
        for tier in StartTier.allCases { table.add("gateway, model \(tier)", starts?.milliseconds(tier) ?? []) }
        table.add("pool full again after a lease", refill?.refillMs ?? [])
        return table.isEmpty ? "" : table.text
    }

    private func ratios(_ name: String) -> String {
        guard let starts else { return "" }
        var table = TextTable([
            "\(name): stock / ours", "medians", "95 % interval", "our p90", "fastest stock", "threads, ours and theirs",
        ])
        for tier in StartTier.allCases {
            guard let ratio = starts.ratio(tier) else { continue }
            let values = [ratio.median, ratio.p90, ratio.fastestStock].map { TextTable.number($0, digits: 1) }
            let threads = starts.threads[tier].map { "\($0) and \(starts.stockThreads)" } ?? ""
            table.add([
                tier.rawValue, values[0], TextTable.ends(ratio.interval, digits: 1), values[1], values[2], threads,
            ])
        }
        return table.isEmpty ? "" : table.text
    }

    private func stages(_ name: String) -> [String] {
        StartTier.allCases.map { tier in
            let cycles = starts?.cycles(tier) ?? []
            var table = TextTable(
                ["\(name): stages of a start from '\(tier)', some at the same time (ms)"] + TextTable.sampleColumns)
            for (stage, milliseconds) in StageTimes.byStage(cycles.map(\.stages)) { table.add(stage, milliseconds) }
            table.add(
                "first token after the queue",
                cycles.compactMap { cycle in
                    cycle.stages.first { $0.stage == "queue" }.map { cycle.firstTokenMs - $0.milliseconds }
                })
            return table.isEmpty ? "" : table.text
        }
    }

    private func steadyState(_ name: String) -> String {
        guard let steady else { return "" }
        var table = TextTable(["\(name): steady state, by what the engine was started from"] + TextTable.sampleColumns)
        table.add("stock, decode tokens/s", steady.blocks.map(\.stock.tokensPerSecond))
        for tier in steady.tiers {
            table.add("\(tier), decode tokens/s", steady.blocks.compactMap { $0.gateway[tier]?.tokensPerSecond })
        }
        table.add("stock, first token of a further request (ms)", steady.blocks.flatMap(\.stock.firstTokenMs))
        for tier in steady.tiers {
            table.add(
                "\(tier), first token of a further request (ms)",
                steady.blocks.flatMap { $0.gateway[tier]?.firstTokenMs ?? [] })
        }
        let intervals = steady.tiers.flatMap { tier in
            [("decode tokens/s", steady.decode(tier)), ("first token", steady.firstToken(tier))].compactMap {
                what, interval in
                interval.map {
                    "\(tier) / stock, \(what): \(TextTable.number($0.ratio, digits: 3)), 95 % interval "
                        + "\(TextTable.ends($0, digits: 3)) (\($0.pairs) blocks)"
                }
            }
        }
        let counts = steady.tiers.map { "\($0) \(steady.threads[$0] ?? 0)" }.joined(separator: ", ")
        let threads = "Threads that compute: stock \(steady.stockThreads), \(counts)"
        return ([table.text] + intervals + [threads]).joined(separator: "\n")
    }

    private func answersTable(_ name: String) -> String {
        guard let answers else { return "" }
        let tiers = answers.tiers.map { tier in
            let count = answers.differences.count { $0.tier == tier }
            return "\(tier) \(count == 0 ? "the same" : "\(count) differ")"
        }
        return
            "\(name): answers to \(answers.prompts) prompts of up to \(AnswersPart.tokens) tokens, against stock's: "
            + tiers.joined(separator: ", ")
    }
}
