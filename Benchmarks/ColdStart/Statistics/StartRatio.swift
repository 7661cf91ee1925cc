import BenchmarkSupport

/// How many times faster than stock's a kind of start is. Stock counts with its median, which is one number for all kinds.
struct StartRatio: Codable, Equatable {
    /// Of both medians.
    let median: Double
    /// 95 % interval of the ratio, from the spread of ours alone; nil with fewer than six samples of ours.
    let interval: RatioInterval?
    /// Stock's median by our p90.
    let p90: Double
    /// The fastest stock start by our median.
    let fastestStock: Double

    /// Nil without samples.
    init?(stock: [Double], ours: [Double]) {
        guard let stock = Summary(stock), let summary = Summary(ours) else { return nil }
        median = stock.median / summary.median
        interval = RatioInterval(ours.map { (stock.median, $0) })
        p90 = stock.median / summary.p90
        fastestStock = stock.minimum / summary.median
    }
}
