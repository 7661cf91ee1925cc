import BenchmarkSupport

/// How long an executor waits for workers that are idle: programs that lease one or two of them, use and release them.
struct LeasesPart {
    struct Result: Codable {
        /// By how many workers were leased at once.
        var samples: [Int: [LeaseSample]] = [:]

        func leaseMs(_ size: Int) -> [Double] { (samples[size] ?? []).map(\.leaseMs) }

        var all: [Double] { samples.values.joined().map(\.leaseMs) }

        var p99: Double? { Statistics.quantile(0.99, of: all) }
    }

    static let sizes = [1, 2]
    static let highestP99 = 5.0
    private static let footprintBytes = 100_000_000

    let bed: TestBed
    /// With the simulated runtime.
    let controller: RunningController
    let plan: Plan

    /// Nobody asks for it: because of it as many workers are kept idle as the largest of these leases wants.
    static func models(_ folder: String) -> [ControllerConfig.Model] {
        [
            .init(
                name: "group", path: folder, arguments: FairSettings.simulated(), rest: .cold,
                executor: .remote(size: sizes.max() ?? 1))
        ]
    }

    func run() throws -> Result {
        // The first of each size is discarded.
        for size in Self.sizes { _ = try sample(size) }
        var result = Result()
        for number in 0..<plan.leases {
            let size = Self.sizes[number % Self.sizes.count]
            result.samples[size, default: []].append(try sample(size))
            if (number + 1).isMultiple(of: 50) { Commentary.say("\(number + 1) leases") }
        }
        return result
    }

    private func sample(_ size: Int) throws -> LeaseSample {
        try controller.waitForPool()
        let command = SimulatedExecutor.command(
            bed, control: controller.controlSocket, size: size, footprintBytes: Self.footprintBytes,
            options: ["--hold-ms", "0"])
        guard let output = ChildProcess.output(of: command, in: bed.workspace.folder) else {
            throw BenchmarkError("\(command.joined(separator: " ")) did not come to its end.")
        }
        return try LeaseSample(output: output)
    }
}

/// A program that leases workers as a vLLM does that a user started.
enum SimulatedExecutor {
    static func command(
        _ bed: TestBed, control: String, size: Int, footprintBytes: Int, options: [String]
    ) -> [String] {
        [
            bed.programs.simulatedRuntime, "executor", "--control", control, "--world-size", "\(size)", "--model",
            "leased", "--footprint-bytes", "\(footprintBytes)",
        ] + options
    }
}
