import BenchmarkSupport

extension DecodeResult {
    /// What is printed of them, and in which order.
    typealias Comparison = (side: Side, other: Side)

    /// - Parameter title: of the first column.
    func table(_ title: String, _ comparisons: [Comparison]) -> String {
        var table = TextTable([title] + TextTable.sampleColumns)
        for side in sides { table.add("\(side.rawValue), per token (ms)", stepMs(side), digits: 2) }
        for side in sides { table.add("\(side.rawValue), first token (ms)", firstTokenMs(side)) }
        let intervals = comparisons.flatMap { comparison in
            [("per token", step), ("first token", firstToken)].compactMap { what, ratio in
                ratio(comparison.side, comparison.other).map {
                    "\(Self.name(comparison)), \(what): \(TextTable.number($0.ratio, digits: 3)), 95 % interval "
                        + "\(TextTable.ends($0, digits: 3)) (\($0.pairs) blocks)"
                }
            }
        }
        let counts = sides.compactMap { side in threads[side].map { "\(side.rawValue) \($0)" } }
        let computing = "Threads that compute, in the busiest process: " + counts.joined(separator: "; ")
        return ([table.text] + intervals + [computing]).joined(separator: "\n")
    }

    func intervals(of comparisons: [Comparison]) -> [String: RatioInterval] {
        var ratios: [String: RatioInterval] = [:]
        for comparison in comparisons {
            ratios["\(Self.name(comparison)), per token"] = step(comparison.side, by: comparison.other)
            ratios["\(Self.name(comparison)), first token"] = firstToken(comparison.side, by: comparison.other)
        }
        return ratios
    }

    private static func name(_ comparison: Comparison) -> String {
        "\(comparison.side.rawValue) / \(comparison.other.rawValue)"
    }
}

extension DecodeResult<ExecutorSide> {
    private static var comparisons: [Comparison] {
        [
            (.remote, .stockMultiprocess), (.remote, .inProcess), (.remote, .stockInProcess),
            (.inProcess, .stockInProcess), (.stockMultiprocess, .stockInProcess),
        ]
    }

    var printed: String { table("Small model", Self.comparisons) }
    var ratios: [String: RatioInterval] { intervals(of: Self.comparisons) }
}

extension DecodeResult<GroupSide> {
    private static var comparisons: [Comparison] {
        [(.twoWorkers, .oneThread), (.twoWorkers, .twoThreads), (.twoThreads, .oneThread)]
    }

    var printed: String { table("Large model, leased workers", Self.comparisons) }
    var ratios: [String: RatioInterval] { intervals(of: Self.comparisons) }
}
