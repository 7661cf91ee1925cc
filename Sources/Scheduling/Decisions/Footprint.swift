/// Device memory that a model takes, before it was ever measured.
public enum Footprint {
    private static let runtimeOverhead = 512 << 20
    private static let templateOverhead = 128 << 20
    private static let cloneOverhead = 256 << 20

    /// What an engine takes of the host's memory without its workers: its front end and core.
    public static let parked = 256 << 20

    /// The weight files' size x 1.1 + KV cache + 512 MiB.
    public static func estimate(weightBytes: Int, kvCacheBytes: Int) -> Int {
        weights(weightBytes) + kvCacheBytes + runtimeOverhead
    }

    /// A template: 128 MiB, and with the weights also these x 1.1.
    public static func template(weightBytes: Int, isLoaded: Bool) -> Int {
        (isLoaded ? weights(weightBytes) : 0) + templateOverhead
    }

    /// An engine that shares its weights with a loaded template: KV cache + 256 MiB.
    public static func clone(kvCacheBytes: Int) -> Int { kvCacheBytes + cloneOverhead }

    /// What weight files of this size take in memory.
    static func weights(_ bytes: Int) -> Int { bytes + bytes / 10 }

    /// The KV cache where the config names none: a tenth of the device's memory, at least 256 MiB and at most 4 GiB,
    /// less if the weights leave less (but never under 64 MiB: such a model is then refused by its footprint).
    public static func defaultKVCacheBytes(deviceBytes: Int, weightBytes: Int) -> Int {
        let wanted = min(max(deviceBytes / 10, 256 << 20), 4 << 30)
        let left = deviceBytes - estimate(weightBytes: weightBytes, kvCacheBytes: 0)
        return max(min(wanted, left), 64 << 20)
    }
}
