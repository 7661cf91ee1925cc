// swift-tools-version: 6.2
import PackageDescription

// CI sets this; a stranger's newer compiler may warn about things that ours does not.
let strict = Context.environment["WARNINGS_AS_ERRORS"] == "1"
let settings: [SwiftSetting] = strict ? [.treatAllWarnings(as: .error)] : []

let nio = { (name: String) in Target.Dependency.product(name: name, package: "swift-nio") }
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "worker-controller",
    products: [
        .executable(name: "worker-controller", targets: ["worker-controller"]),
        .executable(name: "simulated-runtime", targets: ["simulated-runtime"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client.git", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
    ],
    targets: [
        // What Swift cannot say: spawn, pidfds, peer credentials.
        .target(name: "CPlatform"),

        // These three depend on nothing of ours.
        .target(name: "Scheduling", swiftSettings: settings),
        .target(
            name: "ControllerConfiguration", dependencies: [.product(name: "Yams", package: "Yams")],
            swiftSettings: settings),
        .target(name: "ControlProtocol", dependencies: [nio("NIOCore")], swiftSettings: settings),

        // These four do not know each other: they meet in the protocols of Scheduling.
        .target(
            name: "Supervision",
            dependencies: [
                "CPlatform", "Scheduling", "ControlProtocol", nio("NIOCore"), nio("NIOPosix"), crypto, logging,
            ],
            swiftSettings: settings),
        .target(
            name: "Gateway",
            dependencies: ["Scheduling", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), logging],
            swiftSettings: settings),
        .target(
            name: "Management",
            dependencies: [
                "Scheduling", hummingbird, serviceLifecycle, nio("NIOCore"),
                logging,
            ],
            swiftSettings: settings),

        .target(name: "Telemetry", dependencies: ["Scheduling"], swiftSettings: settings),

        .target(
            name: "WorkerController",
            dependencies: [
                "ControlProtocol", "ControllerConfiguration", "Gateway", "Management", "Scheduling", "Supervision",
                "Telemetry", "CPlatform",
                serviceLifecycle,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"), nio("NIOCore"), nio("NIOPosix"),
                logging,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "worker-controller",
            dependencies: [
                "WorkerController", "ControllerConfiguration", "Scheduling", argumentParser, httpClient, logging,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "simulated-runtime",
            dependencies: [
                "CPlatform", "ControlProtocol", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), argumentParser,
            ],
            swiftSettings: settings),
        .target(
            name: "BenchmarkSupport", dependencies: ["CPlatform", argumentParser], path: "Benchmarks/Support",
            swiftSettings: settings),
        .executableTarget(
            name: "cold-start-benchmark", dependencies: ["BenchmarkSupport", argumentParser],
            path: "Benchmarks/ColdStart", swiftSettings: settings),
        .executableTarget(
            name: "executor-benchmark", dependencies: ["BenchmarkSupport", argumentParser],
            path: "Benchmarks/Executor", swiftSettings: settings),

        .target(
            name: "TestSupport", dependencies: ["CPlatform", httpClient], path: "Tests/TestSupport",
            swiftSettings: settings),
        .testTarget(name: "SchedulingTests", dependencies: ["Scheduling"], swiftSettings: settings),
        .testTarget(name: "ConfigurationTests", dependencies: ["ControllerConfiguration"], swiftSettings: settings),
        .testTarget(
            name: "ControlProtocolTests", dependencies: ["ControlProtocol", nio("NIOEmbedded")],
            resources: [.copy("Frames")], swiftSettings: settings),
        .testTarget(
            name: "ManagementTests",
            dependencies: [
                "Management", "Scheduling", "ControllerConfiguration", "worker-controller", hummingbird,
                serviceLifecycle,
                nio("NIOCore"), httpClient, argumentParser, logging,
            ],
            swiftSettings: settings),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Scheduling"], swiftSettings: settings),
        .testTarget(
            name: "SupervisionTests",
            dependencies: [
                "Supervision", "ControlProtocol", "CPlatform", nio("NIOConcurrencyHelpers"), nio("NIOPosix"), logging,
                .product(name: "InMemoryLogging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "Scheduling", nio("NIOEmbedded"), nio("NIOPosix"), nio("NIOHTTP1"), logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "BenchmarkTests",
            dependencies: ["BenchmarkSupport", "cold-start-benchmark", "executor-benchmark"], swiftSettings: settings),
        .testTarget(
            name: "SimulatedRuntimeTests",
            dependencies: ["simulated-runtime", "ControlProtocol", "CPlatform", nio("NIOCore")],
            swiftSettings: settings),
        .testTarget(
            name: "IntegrationTests", dependencies: ["TestSupport", "worker-controller", "simulated-runtime"],
            path: "Tests/Integration", swiftSettings: settings),
        .testTarget(
            name: "FaultTests",
            dependencies: ["TestSupport", "BenchmarkSupport", "worker-controller", "simulated-runtime"],
            path: "Tests/Faults", swiftSettings: settings),
        .testTarget(
            name: "RealRuntimeTests", dependencies: ["TestSupport", "worker-controller", httpClient, nio("NIOCore")],
            path: "Tests/RealRuntime", swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
